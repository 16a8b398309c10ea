import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { backUp } from '../../src/ledger/backup.ts';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import { ledgerFile, openToRead, openToWrite } from '../../src/ledger/database.ts';
import { lockDataFolder } from '../../src/ledger/lock.ts';
import { recover } from '../../src/ledger/recovery.ts';
import { restore } from '../../src/ledger/restore.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { codeOf, manualClock, newFolder, newLedgerFile, viewingsIn } from './support.ts';
import { consent } from './support-entries.ts';

/** A folder whose ledger is in its log for the most part, as a relay that was killed leaves it, and a backup of another time. */
async function folderAndBackup() {
  const file = newLedgerFile();
  const clock = manualClock('live');
  appendNow(file, clock, () => [
    { kind: 'boot', version: '1', wallAnchorMs: clock.wallAnchorMs },
    { kind: 'broadcast-started', program: 'p', broadcast: 'b' },
    consent('before', 'ann'),
  ]);
  const backup = join(newFolder(), 'backup.db');
  await backUp(file, backup);
  const open = openToWrite(file);
  appendNow(file, clock, () => [consent('since', 'bob')]);
  const folder = join(newFolder(), 'data');
  cpSync(dirname(file), folder, { recursive: true });
  open.close();
  expect(existsSync(`${ledgerFile(folder)}-wal`)).toBe(true);
  return { folder, backup };
}

const script = new URL('./process.ts', import.meta.url).pathname;

function killedBefore(nth: number, folder: string, backup: string): boolean {
  const { signal, stdout, stderr } = spawnSync(process.execPath, [script, 'restore', folder, backup, String(nth)], {
    encoding: 'utf8',
  });
  expect([signal, stdout, stderr]).toEqual(signal === 'SIGKILL' ? [signal, '', ''] : [null, 'restored', '']);
  return signal === 'SIGKILL';
}

const seen = (file: string): string =>
  viewingsIn(file)
    .map(({ viewing }) => viewing)
    .join();
const OLD = 'before,since';
const RESTORED = 'before';

/** What whoever opens the ledger without the lock finds. */
const openers = (file: string): unknown[] => [
  codeOf(() => openToRead(file).close()),
  codeOf(() => openToWrite(file).close()),
  codeOf(() => openToWrite(file, { mustExist: true }).close()),
];

const OPENED = ['nothing was thrown', 'nothing was thrown', 'nothing was thrown'];

test('wherever a restore is killed, the old ledger or the restored one is there, or nobody takes another for it', async () => {
  const { folder: original, backup } = await folderAndBackup();
  const found = new Set<string>();
  for (let nth = 1, killed = true; killed; nth++) {
    expect(nth).toBeLessThan(50);
    const folder = join(newFolder(), 'data');
    cpSync(original, folder, { recursive: true });
    killed = killedBefore(nth, folder, backup);
    const again = join(newFolder(), 'data');
    cpSync(folder, again, { recursive: true });

    const file = ledgerFile(folder);
    const refused = openers(file).every((code) => code === 'ledger-half-restored');
    if (!refused) expect(openers(file)).toEqual(OPENED);
    const state = refused ? 'refused' : seen(file);
    found.add(state);

    const lock = lockDataFolder(folder);
    recover({ file, clock: manualClock('next'), version: '1' });
    lock.release();
    expect(seen(file)).toBe(state === OLD ? OLD : RESTORED);
    if (state !== OLD) expect(keptIn(folder)).toEqual([OLD]);

    expect(await restore(backup, again, { force: true })).toMatchObject({ ok: true });
    expect(seen(ledgerFile(again))).toBe(RESTORED);
    expect(keptIn(again)).toContain(OLD);
    for (const each of [file, ledgerFile(again)]) {
      expect(verifyLedger(each)).toMatchObject({ ok: true });
      expect(openers(each)).toEqual(OPENED);
    }
  }
  expect(found).toEqual(new Set([OLD, 'refused', RESTORED]));
});

/** What the ledgers hold that were put aside, each opened by its own name. */
function keptIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /\.replaced-[^-]+Z(-\d+)?$/.test(name))
    .map((name) => seen(join(folder, name)));
}

test('a restore that is finished twice is finished once, and what it says names what to do', async () => {
  const { folder, backup } = await folderAndBackup();
  for (let nth = 1; !openers(ledgerFile(folder)).includes('ledger-half-restored'); nth++) killedBefore(nth, folder, backup);
  expect(() => openToRead(ledgerFile(folder))).toThrow(/^a restore of \S+ledger\.db was broken off .* start the server .*[^\n]$/);
  const first = recover({ file: ledgerFile(folder), clock: manualClock('next'), version: '1' });
  expect(first.replaced).toMatch(/ledger\.db\.replaced-\d{8}T\d{6}Z$/);
  const second = recover({ file: ledgerFile(folder), clock: manualClock('after'), version: '1' });
  expect(second).toEqual({ viewings: 0, broadcasts: 0 });
});
