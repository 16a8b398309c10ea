import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { secretHash } from '../../src/keys/secret-proof.ts';
import { listEncryptors } from '../../src/ledger/encryptors.ts';
import { output, scratchFolder, tollcast } from './command.ts';

const { folder, remove } = scratchFolder();
afterAll(remove);

const data = join(folder, 'data');
const inData = ['--data', data];
const ledger = join(data, 'ledger.db');

test('an encryptor is added, listed and revoked; its secret is shown once and kept nowhere', async () => {
  for (const name of ['news', 'sport'])
    await output('program', 'add', name, '--title', name, '--price', '1', '--currency', 'EUR', ...inData);
  const add = ['credentials', 'encryptor', 'add', 'studio', '--program', 'news', '--program', 'sport', ...inData];
  const secret = /Secret {2}(\S+)/.exec(await output(...add))?.[1] ?? '';
  expect(listEncryptors(ledger)).toEqual([{ name: 'studio', programs: ['news', 'sport'], secretHash: secretHash(secret) }]);
  expect(readFileSync(ledger).includes(secret)).toBe(false);
  expect(await tollcast(...add)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('revoke that first') });

  const [header, line, ...rest] = (await output('credentials', 'encryptor', 'list', ...inData)).split('\n');
  expect([header, line, ...rest]).toEqual(['name    programs', 'studio  news, sport', '']);

  await output('credentials', 'encryptor', 'revoke', 'studio', ...inData);
  expect(JSON.parse(await output('credentials', 'encryptor', 'list', '--json', ...inData))).toEqual([]);
  const again = JSON.parse(await output('credentials', 'encryptor', 'add', 'studio', '--program', 'news', '--json', ...inData));
  expect(again).toEqual({ name: 'studio', programs: ['news'], secret: expect.stringMatching(/^[\w-]{43}$/) });
});

test('an encryptor of a program that does not exist is refused', async () => {
  const add = ['credentials', 'encryptor', 'add', 'van', '--program', 'nope', ...inData];
  expect(await tollcast(...add)).toMatchObject({ code: 1, stderr: expect.stringContaining('no program "nope"') });
});
