import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { createPrivately, openToRead, type ReadOptions } from './database.ts';
import { headReader } from './entries.ts';
import { isStorageTrouble, storageError } from './storage-error.ts';

/** 1 MiB. Between steps others have the disk. */
const PAGES_A_STEP = 256;

export interface CopyOptions extends ReadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (donePages: number, totalPages: number) => void;
}

/**
 * Copies a ledger as it is at one instant, beside any writer, into a file of its own without a write-ahead log, durable and for its
 * owner only. What stands at `to` is replaced; where it fails, nothing is left there.
 *
 * The copy reads one snapshot: without that, SQLite begins anew with each commit of another process, and a relay commits at all times.
 *
 * @throws TollcastError as `openToRead`, and `data-unwritable`, `data-full` about `to`; the reason of `signal`
 */
export async function copyLedger(from: string, to: string, options: CopyOptions = {}): Promise<void> {
  const { signal, onProgress } = options;
  const source = openToRead(from, options);
  try {
    source.exec('BEGIN');
    headReader(source)();
    removeCopy(to);
    createPrivately(to);
    await source.backup(to, {
      progress: ({ totalPages, remainingPages }) => {
        signal?.throwIfAborted();
        onProgress?.(totalPages - remainingPages, totalPages);
        return PAGES_A_STEP;
      },
    });
    inOneFile(to);
  } catch (error) {
    removeCopy(to);
    throw isStorageTrouble(error) ? storageError(error, to) : error;
  } finally {
    source.close();
  }
}

/** What a copy that was broken off may have left. */
export function removeCopy(file: string): void {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
}

/** No write-ahead log beside it: the file alone is the ledger, and can be read where nothing may be written. */
export function inOneFile(file: string): void {
  const db = new Database(file);
  try {
    db.pragma('journal_mode = DELETE');
  } finally {
    db.close();
  }
}

/** Makes names durable: those of files that were made, renamed or removed in a folder. */
export function syncFolderOf(file: string): void {
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
