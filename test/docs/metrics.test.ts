import { globSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { INGEST_REFUSALS } from '../../src/ingest/refusals.ts';
import { pathOf } from './page.ts';

const sources = globSync('src/**/*.ts', { cwd: pathOf('.') }).map((file) => readFileSync(pathOf(file), 'utf8'));
const page = readFileSync(pathOf('docs/DEPLOYMENT.md'), 'utf8');
/** A role's name stands in some. */
const named = (text: string, pattern: RegExp): string[] =>
  [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name.replace(/\$\{role.kind\}/, 'ROLE')))].sort();

test('docs/DEPLOYMENT.md lists every metric, and none besides', () => {
  const made = named(sources.join('\n'), /metrics\.(?:gauge|totals?|histogram)\(\s*['`](tollcast_[^'`]+)/g);
  const [, table = ''] = page.split('\n## Metrics');
  const listed = named(table.split('has alerts')[0] ?? '', /`(tollcast_\w+)/g);
  expect(listed).toEqual(made);
  expect(made.length).toBeGreaterThan(10);
});

test('the alerts are on metrics that there are, and each says what to do', () => {
  const { groups } = parse(readFileSync(pathOf('config/prometheus/tollcast.rules.yaml'), 'utf8')) as Rules;
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(10);
  const made = named(sources.join('\n'), /metrics\.(?:gauge|totals?|histogram)\(\s*['`](tollcast_[^'`]+)/g);
  const known = new Set(made.flatMap((name) => ROLES.map((role) => name.replace('ROLE', role))));
  for (const { alert, expr, annotations } of rules) {
    const used = [...expr.matchAll(/tollcast_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''));
    expect([alert, used.filter((name) => !known.has(name))]).toEqual([alert, []]);
    expect([alert, annotations.summary, annotations.action]).toEqual([alert, expect.any(String), expect.any(String)]);
  }
});

test('each code that an RTMP connection is closed by is counted from zero', () => {
  const server = globSync(['src/ingest/*.ts', 'src/encryptor/stream-keys.ts', 'src/authority/programs.ts'], {
    cwd: pathOf('.'),
    exclude: ['src/ingest/{publisher,client-handshake,rtmp-client,rtmp-url}.ts'],
  }).map((file) => readFileSync(pathOf(file), 'utf8'));
  const codes = named(server.join('\n'), /(?:\bcode: |TollcastError\(|countRefused\()'([a-z]+(?:-[a-z]+)*)'/g);
  const ofListening = ['port-in-use', 'port-not-permitted', 'address-unavailable', 'listen-failed'];
  // Those that the authority sends are not in these files.
  const sent = ['credential-invalid', 'opening-invalid'];
  expect([...codes.filter((code) => !ofListening.includes(code)), ...sent].sort()).toEqual([...INGEST_REFUSALS].sort());
});

const ROLES = ['authority', 'encryptor', 'edge'];

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly annotations: { readonly summary?: string; readonly action?: string };
    }[];
  }[];
}
