import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openDataFolder } from '../../src/config/data-folder.ts';
import { addProgram } from '../../src/ledger/programs.ts';
import { TokenVerifier } from '../../src/tokens/token-verifier.ts';
import { output, scratchFolder, tollcast } from './command.ts';

const { folder, remove } = scratchFolder();
const data = openDataFolder(join(folder, 'data'));
const tokens = new TokenVerifier(data.tokenSecrets);
const inData = ['--data', data.folder];

beforeAll(() => {
  for (const name of ['concert', 'jazz']) {
    const tariff = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };
    addProgram(data.ledgerFile, { name, title: name, tariff });
  }
});
afterAll(remove);

test('a viewer token is all that is printed, and is good for its viewer and programs', async () => {
  const printed = await output('token', 'viewer', '--program', 'concert', '--viewer', 'ada', ...inData);
  expect(printed).toMatch(/^\S+\n$/);
  expect(await tokens.viewer(printed.trim())).toEqual({
    viewer: 'ada',
    programs: ['concert'],
    id: expect.any(String),
  });
});

test('programs, life, cap and device of a viewer token can be chosen', async () => {
  const device = 'x'.repeat(43);
  const chosen = [
    '--program',
    'concert',
    '--program',
    'jazz',
    '--viewer',
    'ada',
    '--ttl',
    '2d',
    '--cap',
    '5.00',
    '--device',
    device,
  ];
  const { token, expiresAt, ...rest } = JSON.parse(await output('token', 'viewer', ...chosen, '--json', ...inData));
  expect(await tokens.viewer(token)).toEqual({ ...rest });
  expect(rest).toMatchObject({ viewer: 'ada', programs: ['concert', 'jazz'], cap: '5.00', device });
  const leftMs = Date.parse(expiresAt) - Date.now();
  expect(Math.abs(leftMs - 2 * 86_400_000)).toBeLessThan(60_000);
});

test('an operator token is one', async () => {
  const token = (await output('token', 'operator', ...inData)).trim();
  await tokens.operator(token);
  await expect(tokens.viewer(token)).rejects.toThrow();
});

test('no token is made for a program that does not exist', async () => {
  expect(await tollcast('token', 'viewer', '--program', 'opera', '--viewer', 'ada', ...inData)).toEqual({
    code: 1,
    stdout: '',
    stderr: 'tollcast: there is no program "opera": see tollcast program list\n',
  });
});
