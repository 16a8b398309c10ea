import { existsSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { TollcastError } from '../../src/errors.ts';
import { backUp } from '../../src/ledger/backup.ts';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import { lockDataFolder } from '../../src/ledger/lock.ts';
import { openReader } from '../../src/ledger/reader.ts';
import { restore, SKIPPED_EPOCHS } from '../../src/ledger/restore.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { manualClock, newFolder, newLedgerFile, tamper, viewingsIn } from './support.ts';
import { consent, receipt } from './support-entries.ts';

const VIEWINGS = 6_000;

/** A ledger of several steps of a copy. */
function written(): string {
  const file = newLedgerFile();
  const clock = manualClock('live');
  const run = { program: 'p', broadcast: 'b' };
  appendNow(file, clock, () => [
    { kind: 'boot', version: '1', wallAnchorMs: clock.wallAnchorMs },
    { kind: 'broadcast-started', ...run },
    { kind: 'epoch-reserved', ...run, epoch: 7 },
    { kind: 'epoch-begun', ...run, epoch: 7, atMs: 0 },
    ...Array.from({ length: VIEWINGS }, (_, at) => [consent(`v${at}`, `viewer-${at}`), receipt(`v${at}`, 7)]).flat(),
  ]);
  return file;
}

const failing = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'nothing was thrown',
    (error) => (error instanceof TollcastError ? error.code : error.name),
  );

describe('a backup', () => {
  test('is the ledger as it was at one instant, though another commits at every step', async () => {
    const file = written();
    const head = verifyLedger(file);
    let steps = 0;
    const to = join(newFolder(), 'backup.db');
    const result = await backUp(file, to, {
      onCopied: () => {
        if (++steps > 100) throw new Error('it begins anew each time');
        appendNow(file, manualClock(`other-${steps}`), () => [{ kind: 'life' }]);
      },
    });
    expect(steps).toBeGreaterThan(2);
    expect(result).toEqual(head);
    expect(verifyLedger(to)).toEqual(head);
    expect(viewingsIn(to)).toEqual(viewingsIn(file));
    expect([readdirSync(dirname(to)), statSync(to).mode & 0o777]).toEqual([['backup.db'], 0o600]);
  });

  test('takes the place of nothing unasked, nor of anything in the data folder', async () => {
    const file = written();
    const to = join(newFolder(), 'backup.db');
    await backUp(file, to);
    expect(await failing(backUp(file, to))).toBe('backup-exists');
    expect(await backUp(file, to, { force: true })).toMatchObject({ ok: true });
    expect(await failing(backUp(file, file, { force: true }))).toBe('backup-misplaced');
    expect(await failing(backUp(file, join(dirname(file), 'token.secret'), { force: true }))).toBe('backup-misplaced');
    expect(await failing(backUp(file, newFolder(), { force: true }))).toBe('backup-misplaced');
    // Nor by a link, of either.
    const linked = join(newFolder(), 'linked.db');
    symlinkSync(file, linked);
    expect(await failing(backUp(file, linked, { force: true }))).toBe('backup-misplaced');
    const behind = join(newFolder(), 'ledger.db');
    symlinkSync(to, behind);
    expect(await failing(backUp(behind, to, { force: true }))).toBe('backup-misplaced');
    // Nor of another server's ledger, as where --data and the file are mixed up.
    const other = newFolder();
    lockDataFolder(other).release();
    expect(await failing(backUp(file, join(other, 'ledger.db'), { force: true }))).toBe('backup-misplaced');
    writeFileSync(`${to}-wal`, '');
    expect(await failing(backUp(file, to, { force: true }))).toBe('backup-misplaced');
    expect(await failing(backUp(file, join(newFolder(), 'none', 'b.db')))).toBe('backup-misplaced');
  });

  test('of a ledger that is not whole, or that was broken off, is not there', async () => {
    const file = written();
    const to = join(newFolder(), 'backup.db');
    const stop = new AbortController();
    expect(await failing(backUp(file, to, { signal: stop.signal, onCopied: () => stop.abort() }))).toBe('AbortError');
    tamper(file, (db) => db.exec(`UPDATE entries SET body = replace(body, 'viewer-5', 'viewer-6') WHERE seq = 15`));
    expect(await backUp(file, to)).toMatchObject({ ok: false, at: 'entry', seq: 15 });
    expect(readdirSync(dirname(to))).toEqual([]);
  });
});

describe('restoring', () => {
  test('gives a folder the ledger, whose programs go on with epoch numbers that no one has seen', async () => {
    const to = join(newFolder(), 'backup.db');
    const file = written();
    const made = await backUp(file, to);
    const folder = join(newFolder(), 'data');
    const result = await restore(to, folder);
    expect(result).toMatchObject({ ok: true, backup: made.ok && made.head });
    const restored = join(folder, 'ledger.db');
    expect(verifyLedger(restored, { noted: (made.ok && made.head) || { seq: 0, hash: '' } })).toMatchObject({ ok: true });
    expect(viewingsIn(restored)).toEqual(viewingsIn(file));
    const reader = openReader(restored);
    expect(reader.lastEpoch('p')).toBe(7 + SKIPPED_EPOCHS);
    reader.close();
    expect(verifyLedger(to)).toEqual(made);
  });

  test('puts nothing aside unasked, and then all of it', async () => {
    const to = join(newFolder(), 'backup.db');
    await backUp(written(), to);
    const folder = dirname(written());
    writeFileSync(join(folder, 'ledger.db-wal'), 'of the ledger before');
    expect(await failing(restore(to, folder))).toBe('ledger-exists');
    const result = await restore(to, folder, { force: true });
    const keptAs = (result.ok && result.keptAs) || '';
    expect(keptAs).toMatch(/ledger\.db\.replaced-\d{8}T\d{6}Z$/);
    expect([existsSync(keptAs), existsSync(`${keptAs}-wal`), existsSync(join(folder, 'ledger.db-wal'))]).toEqual([
      true,
      true,
      false,
    ]);
    expect(verifyLedger(join(folder, 'ledger.db'))).toMatchObject({ ok: true });
    // However soon again.
    const others = await Promise.all([0, 1].map(async () => restore(to, folder, { force: true }).catch(() => undefined)));
    const kept = others.map((other) => (other?.ok && other.keptAs) || '').filter(Boolean);
    expect(kept.length).toBeGreaterThan(0);
    expect(new Set([keptAs, ...kept]).size).toBe(kept.length + 1);
  });

  test('is refused where a server runs on the folder, and of a backup that is not whole', async () => {
    const to = join(newFolder(), 'backup.db');
    await backUp(written(), to);
    const folder = newFolder();
    const lock = lockDataFolder(folder);
    expect(await failing(restore(to, folder, { force: true }))).toBe('data-in-use');
    lock.release();
    tamper(to, (db) => db.exec(`UPDATE entries SET body = replace(body, 'viewer-5', 'viewer-6') WHERE seq = 15`));
    expect(await restore(to, folder)).toMatchObject({ ok: false, at: 'entry', seq: 15 });
    expect(readdirSync(folder)).toEqual(['relay.lock']);
  });
});
