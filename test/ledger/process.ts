import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { systemClock } from '../../src/clock.ts';
import { systemCode } from '../../src/errors.ts';
import { lockDataFolder } from '../../src/ledger/lock.ts';
import { addProgram } from '../../src/ledger/programs.ts';
import { recover } from '../../src/ledger/recovery.ts';
import { restore } from '../../src/ledger/restore.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { consent, receipt, silent, tariff } from './support-entries.ts';

/** Another process than the test's: node process.ts ROLE PATH … */
const roles: Record<string, (path: string, ...more: string[]) => Promise<void> | void> = {
  /** Appends receipts until it is killed, and prints each that is durable: its place and hash. */
  async receipts(file) {
    const clock = systemClock();
    recover({ file, clock, version: '1' });
    const ledger = await openLedger({ file, clock, log: silent, retryMs: { first: 5, longest: 20 } });
    await ledger.append({ kind: 'broadcast-started', program: 'p', broadcast: 'b' });
    await ledger.append(consent('v', 'ann'));
    for (let epoch = 1; ; epoch += 10) {
      // Several are always on their way when the kill comes.
      const group = Array.from({ length: 10 }, (_, index) => ledger.append(receipt('v', epoch + index)));
      for (const appended of group) void appended.then(({ seq, hash }) => process.stdout.write(`${seq} ${hash}\n`));
      await group[4];
    }
  },

  /** Holds the lock of a folder until it is killed. */
  lock(folder) {
    lockDataFolder(folder);
    globalThis.gc?.();
    process.stdout.write('locked\n');
    setInterval(() => {}, 60_000);
  },

  'try-lock'(folder) {
    try {
      lockDataFolder(folder);
      process.stdout.write('locked');
    } catch (error) {
      process.stdout.write(systemCode(error) ?? 'other error');
    }
  },

  /** Restores a backup over the ledger of a folder, and is killed before its nth step. */
  async restore(folder, backup = '', nth = '') {
    killBefore(Number(nth));
    await restore(backup, folder, { force: true });
    process.stdout.write('restored');
  },

  programs(file) {
    for (let index = 0; index < 20; index++) addProgram(file, { name: `p${index}`, title: 'T', tariff });
  },
};

/** Of the renamings, and of the syncs that make them last, the nth is never done. */
function killBefore(nth: number): void {
  let calls = 0;
  const counted = <Given extends unknown[], Result>(call: (...given: Given) => Result) => {
    return (...given: Given): Result => {
      if (++calls >= nth) process.kill(process.pid, 'SIGKILL');
      return call(...given);
    };
  };
  fs.renameSync = counted(fs.renameSync);
  fs.fsyncSync = counted(fs.fsyncSync);
  syncBuiltinESMExports();
}

const [role = '', path = '', ...more] = process.argv.slice(2);
await roles[role]?.(path, ...more);
