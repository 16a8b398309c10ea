import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import * as z from 'zod';
import { loadRelayConfig, RelayConfig } from '../../src/config/relay-config.ts';
import { pathOf, tableAfter } from './page.ts';

const file = fileURLToPath(new URL('../../config/relay.yaml', import.meta.url));
const text = readFileSync(file, 'utf8');

/** What the file says once every "#name:" is uncommented. */
const everything: unknown = parse(text.replaceAll(/^(\s*)#(?=\w+:)/gm, '$1'));

/** The value of every setting below, by its dotted name. Lists count as values. */
function settingsOf(value: unknown, at: string[] = []): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map([[at.join('.'), value]]);
  return new Map(Object.entries(value).flatMap(([name, below]) => [...settingsOf(below, [...at, name])]));
}

/** The dotted name of every setting that the schema has. */
function namesIn(schema: z.core.JSONSchema.BaseSchema, at: string[] = []): string[] {
  if (schema.properties === undefined) return [at.join('.')];
  return Object.entries(schema.properties).flatMap(([name, below]) =>
    typeof below === 'boolean' ? [] : namesIn(below, [...at, name]),
  );
}

const schemaNames = namesIn(z.toJSONSchema(RelayConfig, { io: 'input', unrepresentable: 'any' })).sort();
const shown = settingsOf(everything);
/** A file and an address have no default, and RTMPS and NATS are off without theirs. */
const WITHOUT_DEFAULT = new Set([
  'http.tls.certFile',
  'http.tls.keyFile',
  'rtmps.certFile',
  'rtmps.keyFile',
  'rtmps.port',
  'viewers.mediaUrl',
  'nats.servers',
  'nats.seedFiles.authority',
  'nats.seedFiles.encryptor',
  'nats.tls.caFile',
]);

describe('config/relay.yaml', () => {
  test('as it stands it sets up what no file at all does', () => {
    expect(loadRelayConfig(file, {})).toEqual(loadRelayConfig(undefined, {}));
  });

  test('shows every setting of the schema, and none besides', () => {
    expect([...shown.keys()].sort()).toEqual(schemaNames);
  });

  test('shows the default of every setting, those that are commented out too', () => {
    const defaults = settingsOf(loadRelayConfig(undefined, {}));
    for (const [name, value] of shown) {
      if (!WITHOUT_DEFAULT.has(name)) expect({ name, value }).toEqual({ name, value: defaults.get(name) });
    }
  });

  test('is a valid configuration with everything uncommented', () => {
    const { rtmps } = RelayConfig.parse(everything);
    expect(rtmps?.port).toBe(RelayConfig.parse({ rtmps: { certFile: 'a', keyFile: 'b' } }).rtmps?.port);
  });

  test('says something about every setting, right before it', () => {
    const lines = text.split('\n');
    const silent = lines.filter((line, at) => {
      const isSetting = /^\s*#?\w+:/.test(line);
      // One comment may stand for a group and what is first in it, or for two files that belong together.
      const before = lines[at - 1] ?? '';
      return isSetting && !/^\s*# /.test(before) && !/^\s*#?(\w+:$|certFile:)/.test(before);
    });
    expect(silent.filter((line) => !/^\w+:$/.test(line))).toEqual([]);
  });
});

describe("the README's configuration reference", () => {
  const rows = tableAfter(readFileSync(pathOf('README.md'), 'utf8'), '## Configuration');
  const cells = new Map(rows.map(([name = '', fallback = '']) => [name.replaceAll('`', ''), fallback.replaceAll('`', '')]));

  test('lists every setting of the schema, and none besides', () => {
    expect([...cells.keys()].sort()).toEqual(schemaNames);
  });

  test('gives the defaults', () => {
    const defaults = settingsOf(loadRelayConfig(undefined, {}));
    for (const [name, fallback] of cells) {
      const value = WITHOUT_DEFAULT.has(name) ? (name === 'rtmps.port' ? 1936 : '–') : defaults.get(name);
      const written = Array.isArray(value) ? 'none' : String(value);
      expect({ name, fallback: fallback.replaceAll(',', '') }).toEqual({ name, fallback: written });
    }
  });
});
