import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { z } from 'zod';
import { AuthorityConfig, EdgeConfig, EncryptorConfig, FacilityConfig } from '../../src/config/deployments.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { RelayConfig } from '../../src/config/relay-config.ts';
import { TollcastError } from '../../src/errors.ts';
import type { Random } from '../sim/random.ts';
import { mutatedBytes, mutatedJson, mutatedText } from './mutation.ts';
import { Outcomes } from './outcomes.ts';
import type { FuzzSession, FuzzTarget } from './target.ts';

const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  relay: RelayConfig,
  facility: FacilityConfig,
  authority: AuthorityConfig,
  encryptor: EncryptorConfig,
  edge: EdgeConfig,
};

/** Of roles that do not run without. */
const REQUIRED: ReadonlySet<string> = new Set(['nats', 'edge', 'authority']);

/** Where there is one, a folder that is on no disk: a million files are written. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A message of which a terminal shows something. */
const MAX_MESSAGE_CHARS = 1_000;

const FOLDER = new URL('../../config/', import.meta.url);

/** What YAML can do and a configuration never needs. */
const ODD_YAML = [
  'a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d]\n',
  'http: &h\n  port: 1\n  more: *h\n',
  'http: *nothing\n',
  'http:\n  <<: 1\n',
  'http: {<<: {port: 1}, port: 2}\n',
  '<<: [{host: a}, 1]\n',
  'http:\n\tport: 1\n',
  'http: {port: 1}\nhttp: {port: 2}\n',
  '? {a: 1}\n: 2\n',
  '? [host]\n: 2\n',
  'host: !!binary aGk=\n',
  'host: !!js/function "x"\n',
  'host: !<tag:x> y\n',
  'http: !!set {port}\n',
  'http: !!omap [port: 1]\n',
  'host: !!timestamp 2001-12-14\n',
  '%YAML 9.9\n---\nhost: a\n',
  '---\nhost: a\n---\nhost: b\n',
  'host: |\n  a\n  b\n',
  '"ho\\nst": 1\n',
  'http: {"po\\r\\nrt": 1}\n',
  '__proto__: {host: evil}\n',
  'http: {__proto__: {port: 1}}\n',
  'constructor: {prototype: {port: 1}}\n',
  'http: {port: 0x1f90, tls: ~}\n',
  'http: {port: .inf}\n',
  'http: {port: 1e999}\n',
  'http: {port: -0}\n',
  'keys: {periodMs: 1e400}\n',
  '- 1\n- 2\n',
  'just text\n',
  '42\n',
  'null\n',
  '',
  '\ufeffhost: a\n',
  'host: "\\ud800"\n',
];

const TOKENS = [
  '*a',
  '&a',
  '!!str',
  '!',
  '|',
  '>',
  '- ',
  '? ',
  ': ',
  '{',
  '}',
  '[',
  ']',
  '#',
  '\t',
  '\n',
  '<<: *a\n',
  '%',
  '---\n',
  '...\n',
  "'",
  '"',
  '`',
  '@',
];

/** Settings and tokens at which a line of YAML may be told from another. */
function mutatedLines(random: Random, text: string): string {
  const lines = text.split('\n');
  const at = random.between(0, lines.length - 1);
  const line = lines[at] ?? '';
  switch (random.between(0, 5)) {
    case 0:
      return lines.toSpliced(at, 1).join('\n');
    case 1:
      return lines.toSpliced(random.between(0, lines.length), 0, line).join('\n');
    case 2:
      return lines.with(at, `${random.pick([' ', '  ', '\t'])}${line}`).join('\n');
    case 3:
      return lines.with(at, line.replace(/:.*$/, `: ${random.pick(TOKENS)}`)).join('\n');
    case 4:
      return lines.with(at, line.replace(/(:\s*|$)/, `$1${random.pick(TOKENS)}`)).join('\n');
    default:
      return mutatedText(random, text);
  }
}

/** Configuration files through the loader: each is a configuration, or one line that says which file and what of it is wrong. */
class ConfigSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #folder = mkdtempSync(join(MEMORY, 'tollcast-fuzz-'));
  readonly #file = join(this.#folder, 'tollcast.yaml');
  readonly #examples = Object.entries(SCHEMAS).map(([name, schema]) => {
    const commented = readFileSync(new URL(`${name}.yaml`, FOLDER), 'utf8');
    const value: Record<string, unknown> = parse(commented.replaceAll(/^(\s*)#(?=\w+:)/gm, '$1'));
    return { schema, groups: Object.entries(value) };
  });

  input(random: Random): void {
    const { schema, groups } = random.pick(this.#examples);
    const value = Object.fromEntries(groups.filter(([name]) => random.chance(REQUIRED.has(name) ? 0.9 : 0.25)));
    writeFileSync(this.#file, this.#made(random, value));
    const flags = random.chance(0.1) ? { http: { port: 0 }, host: undefined } : {};
    try {
      loadConfig(schema, this.#file, flags);
      this.outcomes.count('valid');
    } catch (error) {
      this.#refused(error);
    }
    if (({} as { host?: unknown; port?: unknown }).host !== undefined || 'port' in {})
      throw new Error('Object.prototype was written to');
  }

  async close(): Promise<void> {
    if (readdirSync(this.#folder).length > 1) throw new Error('something wrote beside the configuration');
    rmSync(this.#folder, { recursive: true });
  }

  #made(random: Random, value: object): string | Uint8Array {
    const kind = random.next();
    if (kind < 0.01) return stringify(value);
    if (kind < 0.5) return JSON.stringify(mutatedJson(random, value)) ?? '';
    if (kind < 0.75) {
      let lines = stringify(value);
      for (let left = random.between(1, 3); left > 0; left--) lines = mutatedLines(random, lines);
      return lines;
    }
    if (kind < 0.85) return random.pick(ODD_YAML) + (random.chance(0.1) ? stringify(value) : '');
    if (kind < 0.9) return mutatedText(random, random.pick(ODD_YAML));
    if (kind < 0.9005) return `host: ${random.pick(['[', '{a: ', '- ', '&a ', '\n ']).repeat(random.pick([100, 2_000, 20_000]))}`;
    if (kind < 0.95) return mutatedBytes(random, Buffer.from(JSON.stringify(value)));
    return Uint8Array.from({ length: random.between(0, 40) }, () => random.between(0, 255));
  }

  #refused(error: unknown): void {
    if (!(error instanceof TollcastError)) throw new Error('a configuration threw something else', { cause: error });
    const { code, message } = error;
    if (code !== 'config-invalid') throw new Error(`a configuration was refused with ${code}`);
    if (/[\p{Cc}\u2028\u2029]/u.test(message)) throw new Error(`not one line: ${JSON.stringify(message)}`);
    if (!message.startsWith(this.#file)) throw new Error(`does not name the file: ${message}`);
    if (message.length > MAX_MESSAGE_CHARS) throw new Error(`${message.length} characters: ${message.slice(0, 200)}`);
    this.outcomes.count(message.includes('is not YAML') ? 'not-yaml' : 'wrong-setting');
  }
}

export const config: FuzzTarget = {
  name: 'config',
  description: 'configuration files of every role, through the loader',
  open: async () => new ConfigSession(),
};
