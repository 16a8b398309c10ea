import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Finished, scratchFolder, tollcast } from './command.ts';
import { writeEvenings } from './evening.ts';

const { folder, remove } = scratchFolder();
const file = (name: string) => join(folder, name);
const add = (...more: string[]) => [
  'program',
  'add',
  'x',
  '--title',
  'X',
  '--price',
  '1',
  '--currency',
  'EUR',
  '--data',
  ...more,
];
const viewer = (...more: string[]) => ['token', 'viewer', '--program', 'concert', '--viewer', 'ada', '--data', folder, ...more];
const serve = (...more: string[]) => ['serve', '--http-port', '0', '--rtmp-port', '0', '--data', file('relay'), ...more];

const usage: readonly (readonly [typed: string[], line: RegExp])[] = [
  [['serv'], /unknown command 'serv' \(Did you mean serve\?\): see tollcast --help/],
  [['program', 'add'], /see tollcast program add --help/],
  [serve('--nope'), /unknown option '--nope': see tollcast serve --help/],
  [serve('--http-port', '80000'), /--http-port "80000" is not a port/],
  [serve('--config', file('missing.yaml')), /missing\.yaml/],
  [serve('--config', file('misspelt.yaml')), /misspelt\.yaml is wrong: .*prot/],
  [serve('--config', file('broken.yaml')), /broken\.yaml is not YAML/],
  [add(folder, '--price', '0,60', '--currency', 'EURO'), /price "0,60" is not a decimal .*; currency "EURO"/],
  [viewer('--ttl', '5'), /--ttl "5" is not a time/],
  [viewer('--ttl', '900y'), /--ttl "900y" is not a time/],
  [viewer('--cap', 'much'), /--cap "much" is not a decimal/],
  [['bills', 'export', '--format', 'xml'], /csv, json, ndjson/],
  [['bills', 'export', '--format', 'csv', '--json'], /contradict/],
  [['bills', 'export', '--from', 'yesterday', '--data', folder], /"yesterday" is not a date/],
  [['ledger', 'verify', '--head', '12', '--data', folder], /--head "12" is not a head/],
  [['view', 'http://127.0.0.1:9', '--program', 'x'], /--token/],
  [['view', 'nowhere', '--program', 'x', '--token', 't'], /nowhere is not the address of a server/],
  [['completion', 'tcsh'], /bash, zsh, fish/],
];

const failures: readonly (readonly [typed: string[], line: RegExp])[] = [
  [['program', 'list', '--data', file('nothing')], /there is no ledger in .*: name the relay's folder with --data/],
  [['program', 'remove', 'opera', '--data', folder], /there is no program "opera"/],
  [['ledger', 'verify', '--data', file('not-a-ledger')], /not a ledger/],
  // Nobody, not even root, can make a folder below a file.
  [serve('--data', file('broken.yaml/data')), /data folder .* cannot be used/],
  [add(file('broken.yaml/data')), /data folder .* cannot be used/],
  [
    ['bills', 'export', '--data', folder, '--out', file('no/such/folder.csv')],
    /cannot write .*folder\.csv: ENOENT: no such file/,
  ],
  [['bills', 'export', '--data', folder, '--out', folder], /it is a folder/],
  [['publish', file('missing.flv'), 'rtmp://127.0.0.1:9/live/x?key=y'], /missing\.flv cannot be read/],
  [['view', 'http://127.0.0.1:9', '--program', 'x', '--token', 't'], /cannot read http:\/\/127\.0\.0\.1:9/],
];

/** Two at a time, as many as there are cores. */
async function runAll(commands: readonly (readonly string[])[]): Promise<Map<string, Finished>> {
  const results = new Map<string, Finished>();
  const waiting = [...commands];
  const worker = async () => {
    for (let typed = waiting.shift(); typed !== undefined; typed = waiting.shift()) {
      results.set(typed.join(' '), await tollcast(...typed));
    }
  };
  await Promise.all([worker(), worker()]);
  return results;
}

describe('what cannot be done is said in one line', () => {
  let results: Map<string, Finished>;

  beforeAll(async () => {
    writeEvenings(folder);
    writeFileSync(file('misspelt.yaml'), 'http:\n  prot: 8080\n');
    writeFileSync(file('broken.yaml'), 'http: [');
    writeEvenings(file('not-a-ledger'));
    writeFileSync(join(file('not-a-ledger'), 'ledger.db'), 'something else, and long enough to be looked at'.repeat(100));
    results = await runAll([...usage, ...failures].map(([typed]) => typed));
  }, 60_000);
  afterAll(remove);

  const cases = [
    ...usage.map(([typed, line]) => ({ typed: typed.join(' '), line, code: 2 })),
    ...failures.map(([typed, line]) => ({ typed: typed.join(' '), line, code: 1 })),
  ].map((one) => ({ ...one, name: one.typed.replaceAll(folder, '…') }));

  test.each(cases)('$name', ({ typed, line, code }) => {
    const result = results.get(typed);
    expect(result?.stderr).toMatch(/^tollcast: [^\n]+\n$/);
    expect(result?.stderr).toMatch(line);
    expect(result).toMatchObject({ code, stdout: '' });
  });
});

test('a port in use is said in one line that names the flag, with --demo too', async () => {
  const { folder: data, remove: removeData } = scratchFolder();
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? String(address.port) : '';
  const results = await Promise.all([
    tollcast('serve', '--data', data, '--log-level', 'silent', '--http-port', port, '--rtmp-port', '0'),
    tollcast('serve', '--demo', '--data', join(data, 'demo'), '--http-port', '0', '--rtmp-port', port),
  ]);
  taken.close();
  removeData();
  expect(results).toEqual(
    ['--http-port', '--rtmp-port'].map((flag) => ({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(new RegExp(`^tollcast: [^\\n]*port ${port}[^\\n]* is in use[^\\n]*${flag}\\n$`)),
    })),
  );
});
