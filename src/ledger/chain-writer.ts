import type Database from 'better-sqlite3';
import type { Clock } from '../clock.ts';
import { wallMsOf } from '../clock.ts';
import { entryHash } from './chain.ts';
import { openToWrite, type WriteOptions } from './database.ts';
import { entryInserter, headReader } from './entries.ts';
import type { Entered, Entry, Stamp } from './entry.ts';
import { bodyOf } from './entry-json.ts';
import { projector } from './projections.ts';
import { storageError } from './storage-error.ts';

/** An entry that has its stamp, but no place in the chain yet. */
export interface Pending extends Stamp {
  readonly entry: Entry;
  /** `bodyOf(entry)`. */
  readonly body: string;
}

/** An entry's place in the chain. */
export interface Place {
  readonly seq: number;
  readonly hash: Buffer;
}

/**
 * Appends entries and brings the projections up to date in one transaction, which begins immediate: no other writer gets between
 * the reading of the chain's head and the commit. Durable when it returns; when it throws, nothing was written.
 *
 * `make` runs inside the transaction, so what it reads still holds when its entries are written.
 */
export type ChainWriter = (make: () => readonly Pending[]) => Place[];

/** Every writer goes through this: the relay's worker, recovery, and the command line. */
export function chainWriter(db: Database.Database): ChainWriter {
  const readHead = headReader(db);
  const insert = entryInserter(db);
  const project = projector(db);

  const transaction = db.transaction((make: () => readonly Pending[]): Place[] => {
    const pending = make();
    let { seq, hash: previous } = readHead();
    const places = pending.map(({ boot, monoMs, wallMs, entry, body }) => {
      seq += 1;
      const link = { seq, boot, monoMs, wallMs, kind: entry.kind, body };
      const hash = entryHash(previous, link);
      insert(link, hash);
      previous = hash;
      return { seq, hash };
    });
    const first = seq - pending.length + 1;
    project(pending.map(({ boot, monoMs, wallMs, entry }, index) => ({ seq: first + index, boot, monoMs, wallMs, entry })));
    return places;
  });

  return (make) => {
    // A rollback that itself failed would make the next transaction a savepoint inside this one, whose commit is no commit.
    if (db.inTransaction) db.exec('ROLLBACK');
    return transaction.immediate(make);
  };
}

/**
 * For writers without a thread, the command line and recovery: opens the ledger, appends what `make` returns, and closes it,
 * beside whatever else is writing.
 *
 * @param make reads what it decides by from `db`, inside the transaction that appends; what it throws is thrown, and nothing appended
 * @throws TollcastError as `openToWrite`, or `ledger-busy`, `data-full` … when the write fails
 */
export function appendNow(
  file: string,
  clock: Clock,
  make: (db: Database.Database) => readonly Entry[],
  options: WriteOptions = {},
): Entered[] {
  const db = openToWrite(file, options);
  try {
    let pending: Pending[] = [];
    const places = chainWriter(db)(() => {
      const monoMs = clock.nowMs();
      const stamp = { boot: clock.boot, monoMs, wallMs: wallMsOf(clock, monoMs) };
      pending = make(db).map((entry) => ({ ...stamp, entry, body: bodyOf(entry) }));
      return pending;
    });
    return pending.flatMap(({ boot, monoMs, wallMs, entry }, index) => {
      const place = places[index];
      return place === undefined ? [] : [{ seq: place.seq, boot, monoMs, wallMs, entry, hash: place.hash.toString('hex') }];
    });
  } catch (error) {
    throw storageError(error, file);
  } finally {
    db.close();
  }
}
