import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { output, scratchFolder, tollcast } from './command.ts';
import { CONSENT_SEQ, tamper, writeEvenings } from './evening.ts';

const { folder, remove } = scratchFolder();
const inData = ['--data', folder];
beforeAll(() => writeEvenings(folder));
afterAll(remove);

test('a ledger is verified, and the first entry that was changed is named', async () => {
  const whole = await output('ledger', 'verify', ...inData);
  const head = /^The ledger is whole: 23 entries, head (23:[0-9a-f]{64})\n$/.exec(whole)?.[1] ?? '';
  expect(JSON.parse(await output('ledger', 'verify', '--head', head, '--json', ...inData))).toMatchObject({
    ok: true,
    entries: 23,
  });
  expect(await tollcast('ledger', 'verify', '--head', `24:${head.slice(3)}`, ...inData)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the ledger ends at 23; it reached to 24 once'),
  });

  tamper(folder, CONSENT_SEQ);
  expect(await tollcast('ledger', 'verify', ...inData)).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^tollcast: .* entry 5 \(consent\): .*\n$/),
  });
  const told = await tollcast('ledger', 'verify', '--json', ...inData);
  expect(told).toMatchObject({ code: 1, stderr: '' });
  expect(JSON.parse(told.stdout)).toMatchObject({ ok: false, at: 'entry', seq: CONSENT_SEQ, kind: 'consent' });
});
