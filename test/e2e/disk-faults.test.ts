import { cpSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { ledgerFile } from '../../src/ledger/database.ts';
import { FaultyDisk } from '../disk/faulty-disk.ts';
import { DiskShow, type Outage } from './disk-show.ts';
import { cc, ffmpeg } from './programs.ts';
import { addProgram, finished, RelayProcess, Scratch, startTollcastWith, tollcast } from './relay-process.ts';

const tried = (cc === undefined || ffmpeg === undefined ? test.skip : test.concurrent) as typeof test.concurrent;

/** Another process that has the ledger's lock. */
function holdLock(file: string): () => void {
  const db = new Database(file);
  db.exec('BEGIN EXCLUSIVE');
  return () => db.close();
}

const failing = (mode: Parameters<FaultyDisk['fails']>[0], says: RegExp, readable = true): Outage => ({
  says,
  readable,
  begin: ({ disk }) => {
    disk.fails(mode);
    return () => disk.heals();
  },
});
const full = failing('full', /no space left for the ledger \(SQLITE_FULL\): free some/);
const readOnly = failing('read-only', /\(SQLITE_IOERR_\w+\): the disk fails or has become read-only/);
const dead = failing('dead', /\(SQLITE_IOERR_\w+\): the disk fails or|its disk cannot be read \(SQLITE_CORRUPT\)/, false);
const syncsFail = failing('sync-drops', /\(SQLITE_IOERR_FSYNC\): the disk fails/);
const locked: Outage = {
  says: /another process is holding the ledger \(SQLITE_BUSY\)/,
  readable: true,
  begin: ({ relay }) => holdLock(ledgerFile(relay.data)),
};

tried.each([
  ['is full, then read-only, then locked', [full, readOnly, locked]],
  ['does nothing at all, then fails to sync', [dead, syncsFail]],
])(
  'a disk that %s, for two epochs each, closes gates, ends no viewing, and is forgotten once it is well',
  async (_, outages) => {
    await using show = await DiskShow.start();
    for (const outage of outages) await show.during(outage);
    await show.settle();
  },
  180_000,
);

tried(
  'a relay that is killed while syncs fail bills what was confirmed, be it after a kill or a loss of power',
  async () => {
    await using show = await DiskShow.start();
    await show.servedIsDurable();
    await show.begin(failing('sync-keeps', syncsFail.says));
    await show.relay.kill();
    const confirmed = show.confirmed();

    for (const folder of [show.relay.data, show.disk.image]) {
      using scratch = new Scratch();
      cpSync(folder, scratch.file('data'), { recursive: true });
      const again = await RelayProcess.start(scratch);
      expect(show.receiptsIn(again.data)).toEqual(expect.arrayContaining(confirmed));
      expect(await tollcast('ledger', 'verify', '--data', again.data)).toMatchObject({ code: 0 });
      const charges = await again.charges();
      show.expectFair(charges, 'interrupted', 0.1);
      await again.kill();
      const third = await RelayProcess.start(scratch);
      expect(await third.charges()).toEqual(charges);
      await third.stop();
    }
  },
  180_000,
);

tried(
  'no relay starts on a disk that fails, and each command says why in one line',
  async () => {
    using scratch = new Scratch();
    const data = scratch.file('data');
    await addProgram(data, 'news', '--price', '0.60');
    const disk = new FaultyDisk(data, scratch.folder);
    const run = (...args: string[]) => finished(startTollcastWith(disk.env, ...args, '--data', data));
    const start = () => run('serve', '--rtmp-port', '0', '--http-port', '0');
    for (const [mode, says] of [
      ['full', /^tollcast: no space left for .*: free some\n$/],
      ['read-only', /^tollcast: .*\n$/],
      ['dead', /^tollcast: .*\n$/],
      ['sync-drops', /^tollcast: .*ledger\.db cannot be read or written \(SQLITE_IOERR_FSYNC\).*\n$/],
    ] as const) {
      disk.fails(mode);
      expect({ mode, ...(await start()) }).toEqual({ mode, code: 1, stdout: '', stderr: expect.stringMatching(says) });
    }
    disk.fails('read-only');
    expect(await run('bills', 'export')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^tollcast: .*ledger\.db cannot be read .*nothing can be written beside it: free space .*\n$/,
      ),
    });
    disk.heals();
    const release = holdLock(ledgerFile(data));
    expect(await start()).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^tollcast: another process is holding .*\n$/),
    });
    release();
  },
  120_000,
);
