import { parentPort, workerData } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { messageOf, systemCode, unreachable } from '../errors.ts';
import { HASH_BYTES } from './chain.ts';
import { type ChainWriter, chainWriter, type Pending, type Place } from './chain-writer.ts';
import { openToWrite } from './database.ts';
import { headReader, pagesAfter, type StoredEntry } from './entries.ts';
import type { Entered } from './entry.ts';
import { parseEntry, trustedEntry } from './entry-json.ts';
import { isStorageTrouble, storageError } from './storage-error.ts';
import type { Batch, FromWorker, ToWorker, WorkerSettings } from './worker-messages.ts';

/** The ledger's thread: an fsync that takes its time holds up nothing but receipts (DESIGN.md, section 4, "Ledger"). */

const settings: WorkerSettings = workerData;
const port = parentPort;
if (port === null) throw new Error('the ledger worker runs in a worker thread only');
const post = (message: FromWorker): void => port.postMessage(message);

let db: Database.Database | undefined;
try {
  db = openToWrite(settings.file, {
    busyTimeoutMs: settings.busyTimeoutMs,
    ...(settings.maxPages === undefined ? {} : { maxPages: settings.maxPages }),
  });
} catch (error) {
  const { code, message } = storageError(error, settings.file);
  post({ type: 'not-opened', code, message });
}
if (db !== undefined) run(db, chainWriter(db));

function run(db: Database.Database, append: ChainWriter): void {
  let batch: readonly Pending[] = [];
  /** How many of the batch go into one transaction: all, but for the search for one that cannot be written. */
  let together = Number.POSITIVE_INFINITY;
  let retryMs = settings.retryMs.first;
  let retry: NodeJS.Timeout | undefined;
  /** The last entry that is ours or was told to the main thread. */
  let knownSeq = headReader(db)().seq;
  let version: unknown = dataVersion();
  /** Why the others' entries could not be read at the last try. */
  let deafness: unknown;
  let isToldDeaf = false;

  function dataVersion(): unknown {
    return db.pragma('data_version', { simple: true });
  }

  function writeBatch(): void {
    retry = undefined;
    while (batch.length > 0) {
      const part = batch.slice(0, together);
      try {
        const places = append(() => part);
        batch = batch.slice(part.length);
        retryMs = settings.retryMs.first;
        acknowledge(places);
      } catch (error) {
        if (isStorageTrouble(error)) {
          tryAgainAfter(error);
          return;
        }
        isolate(part, error);
      }
    }
    together = Number.POSITIVE_INFINITY;
  }

  /**
   * The whole batch is written again, on the same connection, even where a sync failed, after which a kernel takes pages for written
   * that are not. That is enough, for whatever an acknowledgement rests on was written after the last sync that failed:
   * a transaction counts only once the sync that follows its frames has succeeded, until then the next one is written over them, the log's
   * header included where it is new; pages that were carried over into the database are carried over again, from frames that were synced,
   * until the database was synced too. A failed transaction whose frames reached the disk all the same may be found
   * there after a kill: entries that nobody was told of, and nothing was sent for.
   */
  function tryAgainAfter(error: unknown): void {
    post({ type: 'failed', code: systemCode(error) ?? 'unknown', message: storageError(error, 'the ledger').message });
    retry = setTimeout(writeBatch, retryMs);
    retryMs = Math.min(retryMs * 2, settings.retryMs.longest);
  }

  /** One entry that can never be written must not keep all others from it: it is searched by halves, and refused. */
  function isolate(part: readonly Pending[], error: unknown): void {
    if (part.length > 1) {
      together = Math.ceil(part.length / 2);
      return;
    }
    batch = batch.slice(1);
    together = Number.POSITIVE_INFINITY;
    post({ type: 'refused', message: messageOf(error) });
  }

  function acknowledge(places: readonly Place[]): void {
    const first = places[0];
    if (first === undefined) return;
    // Were the others' entries not to be read now, they are told of, later, by `poll`.
    if (first.seq === knownSeq + 1 || tellForeign(first.seq)) knownSeq = first.seq + places.length - 1;
    else version = undefined;
    const hashes = new Uint8Array(places.length * HASH_BYTES);
    places.forEach(({ hash }, index) => {
      hashes.set(hash, index * HASH_BYTES);
    });
    post({ type: 'committed', firstSeq: first.seq, hashes });
    if (deafness !== undefined) listenAgain();
  }

  /** A disk that takes no entry either is told of by that. Where one was just written, it is the reading alone that fails. */
  function listenAgain(): void {
    poll();
    if (deafness === undefined || isToldDeaf) return;
    isToldDeaf = true;
    post({ type: 'deaf', code: systemCode(deafness) ?? 'unknown', message: storageError(deafness, 'the ledger').message });
  }

  function heard(): void {
    deafness = undefined;
    if (isToldDeaf) post({ type: 'hears' });
    isToldDeaf = false;
  }

  /** Tells of the entries that others appended after the last known one and before `beforeSeq`; false if they could not be read. */
  function tellForeign(beforeSeq: number): boolean {
    try {
      for (const page of pagesAfter(db, knownSeq)) {
        const before = page.filter(({ seq }) => seq < beforeSeq);
        const foreign = before.filter(({ boot }) => boot !== settings.boot);
        if (foreign.length > 0) post({ type: 'foreign', entered: foreign.flatMap(readForeign) });
        knownSeq = before.at(-1)?.seq ?? knownSeq;
        if (before.length < page.length) break;
      }
      heard();
      return true;
    } catch (error) {
      if (!isStorageTrouble(error)) throw error;
      deafness = error;
      return false;
    }
  }

  function poll(): void {
    try {
      const now = dataVersion();
      if (now === version) heard();
      else if (tellForeign(Number.POSITIVE_INFINITY)) version = now;
    } catch (error) {
      if (!isStorageTrouble(error)) throw error;
      deafness = error;
    }
  }

  const polling = setInterval(poll, settings.pollMs);

  port?.on('message', (message: ToWorker) => {
    switch (message.type) {
      case 'commit':
        batch = pendingOf(message.batch);
        writeBatch();
        return;
      case 'hurry':
        if (retry === undefined) return;
        clearTimeout(retry);
        writeBatch();
        return;
      case 'close':
        clearTimeout(retry);
        clearInterval(polling);
        db.close();
        post({ type: 'closed' });
        port.close();
        return;
      default:
        unreachable(message);
    }
  });
  post({ type: 'opened' });
}

function pendingOf({ kinds, bodies, monoMs }: Batch): Pending[] {
  return kinds.map((kind, index) => {
    const body = bodies[index] ?? '{}';
    const at = monoMs[index] ?? 0;
    return { boot: settings.boot, monoMs: at, wallMs: settings.wallAnchorMs + at, entry: trustedEntry(kind, body), body };
  });
}

function readForeign({ seq, boot, monoMs, wallMs, kind, body, hash }: StoredEntry): Entered[] {
  const parsed = parseEntry(kind, body);
  if (parsed.ok) return [{ seq, boot, monoMs, wallMs, entry: parsed.entry, hash }];
  post({ type: 'unreadable', seq, kind, what: parsed.what });
  return [];
}
