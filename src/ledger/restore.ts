import { setImmediate } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import { type Clock, systemClock } from '../clock.ts';
import { TollcastError } from '../errors.ts';
import { appendNow } from './chain-writer.ts';
import { type CopyOptions, copyLedger, inOneFile, removeCopy } from './copy.ts';
import { ledgerFile, openToRead, openToWrite } from './database.ts';
import { headReader } from './entries.ts';
import type { Entry } from './entry.ts';
import { lockDataFolder } from './lock.ts';
import { finishReplacement, isThere, replaceLedger } from './replace.ts';
import { storageError } from './storage-error.ts';
import { type Fault, type NotedHead, type Verified, verifyLedger } from './verify.ts';

/** Epochs that may have begun since the backup: 115 days of the shortest there are. */
export const SKIPPED_EPOCHS = 10_000_000;

export interface RestoreOptions {
  /** A ledger that is there is put aside. */
  readonly force?: boolean;
  readonly onCopied?: CopyOptions['onProgress'];
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export interface Restored extends Verified {
  /** What the backup ended with. */
  readonly backup: NotedHead;
  /** Where the ledger is now that was there before. */
  readonly keptAs?: string;
}

/**
 * Makes a backup the ledger of a data folder in which nothing runs: copied, brought up to date, verified, and only then put in its
 * place. The backup stays as it is. Its programs go on with epoch numbers far beyond its last, for an epoch's number is never
 * used twice, and those after the backup were.
 *
 * @returns what is wrong with the backup, and then nothing was changed
 * @throws TollcastError `data-in-use`, `ledger-exists`, and those of `copyLedger` and `appendNow`
 */
export async function restore(backup: string, folder: string, options: RestoreOptions = {}): Promise<Restored | Fault> {
  const { force = false, onCopied, signal, clock = systemClock() } = options;
  // Before the folder and its lock are made.
  openToRead(backup, { mayBeOlder: true }).close();
  const lock = lockDataFolder(folder);
  const ledger = ledgerFile(folder);
  const draft = `${ledger}.restoring`;
  try {
    finishReplacement(ledger);
    if (isThere(ledger) && !force)
      throw new TollcastError(
        'ledger-exists',
        `there is a ledger in ${folder}: put it aside with --force, or name another folder with --data`,
      );
    await copyLedger(backup, draft, { mayBeOlder: true, ...(signal && { signal }), ...(onCopied && { onProgress: onCopied }) });
    const head = headOf(draft);
    appendNow(draft, clock, skippedEpochs, { mustExist: true });
    inOneFile(draft);
    const result = verifyLedger(draft, { noted: head });
    if (!result.ok) return result;
    // Whoever interrupts while all of it is being read is heard now.
    await setImmediate();
    signal?.throwIfAborted();
    const keptAs = replaceLedger(ledger, draft);
    return { ...result, backup: head, ...(keptAs === undefined ? {} : { keptAs }) };
  } catch (error) {
    throw storageError(error, ledger);
  } finally {
    removeCopy(draft);
    lock.release();
  }
}

function headOf(file: string): NotedHead {
  const db = openToWrite(file, { mustExist: true });
  try {
    const { seq, hash } = headReader(db)();
    return { seq, hash: Buffer.from(hash).toString('hex') };
  } finally {
    db.close();
  }
}

function skippedEpochs(db: Database.Database): Entry[] {
  const last = db.prepare<[], { program: string; epoch: number }>(
    'SELECT program, max(epoch) AS epoch FROM epoch GROUP BY program ORDER BY program',
  );
  return last.all().map(({ program, epoch }) => {
    return { kind: 'epoch-reserved', program, broadcast: 'restore', epoch: epoch + SKIPPED_EPOCHS };
  });
}
