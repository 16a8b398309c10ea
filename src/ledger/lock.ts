import { join } from 'node:path';
import Database from 'better-sqlite3';
import { systemCode, TollcastError } from '../errors.ts';
import { createPrivately } from './database.ts';
import { storageError } from './storage-error.ts';

export interface DataLock {
  release(): void;
}

/** A connection that nobody refers to is closed by the garbage collector, and its lock with it. */
const held = new Set<Database.Database>();

/** A process that was just killed may hold its locks for an instant yet. */
const WAIT_MS = 250;

export const lockFile = (folder: string): string => join(folder, 'relay.lock');

/**
 * Makes this process the one relay of a data folder, creating the folder if need be. The lock is SQLite's on a file of its own,
 * hence the kernel's: it goes with the process, by kill -9 too, and no stale file stands in the way. Readers and the command line's
 * writers need no lock.
 *
 * @throws TollcastError `data-in-use`, `data-unwritable`, `data-full`
 */
export function lockDataFolder(folder: string): DataLock {
  const file = lockFile(folder);
  let db: Database.Database | undefined;
  try {
    createPrivately(file);
    db = new Database(file, { timeout: WAIT_MS });
    db.exec('BEGIN EXCLUSIVE');
    return keep(db);
  } catch (error) {
    db?.close();
    if (systemCode(error)?.startsWith('SQLITE_BUSY')) {
      throw new TollcastError(
        'data-in-use',
        `another server is using ${folder}: stop it first, or choose another folder with --data`,
      );
    }
    throw storageError(error, file);
  }
}

function keep(db: Database.Database): DataLock {
  held.add(db);
  return {
    release: () => {
      held.delete(db);
      db.close();
    },
  };
}
