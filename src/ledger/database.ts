import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { systemCode, TollcastError } from '../errors.ts';
import { refuseHalfRestored } from './half-restored.ts';
import { APPLICATION_ID, MIGRATIONS, migrate, refuseNewer, schemaVersion } from './migrations.ts';
import { storageError } from './storage-error.ts';

/** Where a data folder keeps its ledger. */
export const ledgerFile = (folder: string): string => join(folder, 'ledger.db');

/** A ledger, and what SQLite has beside it. In this order: a log without its database is dropped by SQLite, one with another is not. */
export const PARTS = ['', '-wal', '-shm'] as const;

/** How long a writer waits for another one's transaction before it is an error. */
const BUSY_TIMEOUT_MS = 5_000;
/** What the write-ahead log is cut back to after a long reader let it grow. */
const MAX_IDLE_WAL_BYTES = 64 << 20;
/** A reader looks up viewings in the order of viewers, which is not the order in which they lie in the file. */
const READER_CACHE_KIB = 32 << 10;

export interface WriteOptions {
  /** Creates no ledger where there is none. */
  readonly mustExist?: boolean;
  readonly busyTimeoutMs?: number;
  /** A ledger that reaches this size is full (SQLite's `max_page_count`). */
  readonly maxPages?: number;
}

/**
 * Opens a ledger to write, creating it (mode 0600: it tells who watched what) and its folder, and migrating it.
 *
 * @throws TollcastError `data-unwritable`, `data-full`, `ledger-missing` (with `mustExist`), `ledger-corrupt`, `ledger-newer`, `ledger-busy`,
 *   `ledger-half-restored`
 */
export function openToWrite(file: string, options: WriteOptions = {}): Database.Database {
  const { mustExist = false, busyTimeoutMs = BUSY_TIMEOUT_MS, maxPages } = options;
  return opened(file, () => {
    if (mustExist) refuseMissing(file);
    else createPrivately(file);
    return configured(new Database(file, { timeout: busyTimeoutMs }), (db) => {
      refuseForeign(db, file);
      db.pragma('journal_mode = WAL');
      // FULL: a commit has returned only once the log is on disk, which is what a receipt counts from.
      db.pragma('synchronous = FULL');
      db.pragma(`journal_size_limit = ${MAX_IDLE_WAL_BYTES}`);
      if (maxPages !== undefined) db.pragma(`max_page_count = ${maxPages}`);
      migrate(db, file);
    });
  });
}

export interface ReadOptions {
  /** Takes one that an older Tollcast wrote: its entries are the same, its projections need not be. */
  readonly mayBeOlder?: boolean;
}

/**
 * Opens a ledger to read, beside any writer.
 *
 * @throws TollcastError `ledger-missing`, `ledger-corrupt`, `ledger-older`, `ledger-newer`, `ledger-half-restored`, `data-unwritable`
 */
export function openToRead(file: string, { mayBeOlder = false }: ReadOptions = {}): Database.Database {
  return opened(file, () => {
    refuseMissing(file);
    try {
      return readable(file, mayBeOlder);
    } catch (error) {
      throw unreadable(error, file);
    }
  });
}

function readable(file: string, mayBeOlder: boolean): Database.Database {
  return configured(new Database(file, { readonly: true, timeout: BUSY_TIMEOUT_MS }), (db) => {
    refuseForeign(db, file);
    refuseNewer(db, file);
    if (!mayBeOlder && schemaVersion(db) < MIGRATIONS.length) {
      throw new TollcastError('ledger-older', `${file} is from an older Tollcast: start the relay once to bring it up to date`);
    }
    db.pragma(`cache_size = -${READER_CACHE_KIB}`);
  });
}

/** Where no relay runs, even a reader writes: SQLite's index of the log, beside the file. */
function unreadable(error: unknown, file: string): unknown {
  const code = systemCode(error) ?? '';
  if (!/^SQLITE_(CANTOPEN|READONLY)/.test(code)) return error;
  const todo = 'free space there, or copy the folder to a disk that can be written';
  return new TollcastError('data-unwritable', `${file} cannot be read (${code}), for nothing can be written beside it: ${todo}`, {
    cause: error,
  });
}

function opened<T>(file: string, open: () => T): T {
  try {
    refuseHalfRestored(file);
    return open();
  } catch (error) {
    throw storageError(error, file);
  }
}

function configured(db: Database.Database, configure: (db: Database.Database) => void): Database.Database {
  try {
    configure(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Creates a file that only its owner may read, and its folder. SQLite gives the same mode to what it puts beside the file.
 *
 * A file that exists is not opened: closing it again would take every POSIX lock from it that this process holds, those of
 * SQLite's other connections too (https://www.sqlite.org/howtocorrupt.html, section 2.2).
 */
export function createPrivately(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

function refuseMissing(file: string): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0) return;
  throw new TollcastError('ledger-missing', `there is no ledger at ${file} yet: add a program first, or check --data`);
}

function refuseForeign(db: Database.Database, file: string): void {
  if (db.pragma('application_id', { simple: true }) === APPLICATION_ID) return;
  const tables = db.prepare<[], { count: number }>('SELECT count(*) AS count FROM sqlite_master').get()?.count ?? 0;
  if (tables > 0) throw new TollcastError('ledger-corrupt', `${file} is a database, but not a ledger of Tollcast: check --data`);
}
