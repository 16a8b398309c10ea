import { writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { loadRelayConfig } from '../../src/config/relay-config.ts';
import { TollcastError } from '../../src/errors.ts';
import { Scratch } from '../e2e/relay-process.ts';

/** What is said of a configuration file. */
function refusalOf(text: string): string {
  using scratch = new Scratch();
  const file = scratch.file('relay.yaml');
  writeFileSync(file, text);
  try {
    loadRelayConfig(file, {});
  } catch (error) {
    if (!(error instanceof TollcastError) || error.code !== 'config-invalid') throw error;
    return error.message.replace(file, 'FILE');
  }
  throw new Error('it was taken');
}

const BOMB = 'a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c]\n';

test.each([
  ['an alias of nothing', 'http: *nothing\n', /^FILE is not YAML: Unresolved alias/],
  ['aliases of aliases', BOMB, /^FILE is not YAML: Excessive alias count/],
  ['a list for a name', '? [host]\n: 1\n', /^FILE is wrong: Unrecognized key/],
  ['a line break in a name', '"ho\\nst": 1\n', /^FILE is wrong: Unrecognized key: "ho st"$/],
  ['a setting that has a length, and is none', 'tokens: {issuers: {length: {toString: 1}}}\n', /^FILE is wrong: /],
  [
    'a port that two would have',
    'viewers: {mediaThreads: 1, mediaPort: 8080}\n',
    /^FILE is wrong: viewers.mediaPort: is http.port as well/,
  ],
  ['a wrong setting', 'http: {port: -1}\n', /^FILE is wrong: http.port: /],
])('a configuration with %s is refused in one line that names the file', (_, text, refusal) => {
  expect(refusalOf(text)).toMatch(refusal);
});

test('a configuration with thousands of wrong settings is refused in one line that a terminal shows', () => {
  const settings = Array.from({ length: 5_000 }, (_, number) => `wrong${number}: 1\n`).join('');
  expect(refusalOf(settings).length).toBeLessThanOrEqual(1_000);
});
