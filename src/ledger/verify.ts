import Database from 'better-sqlite3';
import { messageOf } from '../errors.ts';
import { entryHashHex, GENESIS_HEX } from './chain.ts';
import { openToRead } from './database.ts';
import { entriesAfter, type StoredEntry } from './entries.ts';
import { parseEntry } from './entry-json.ts';
import { CREATE_PROJECTIONS, PROJECTIONS } from './projection-tables.ts';
import { historyProjector, type Projectable } from './projections.ts';
import { isStorageTrouble } from './storage-error.ts';

const REBUILD_CACHE_KIB = 16 << 10;
const PROGRESS_ENTRIES = 1_000;

/** The ledger is whole. Whoever notes `head` can later prove that nothing up to it was cut off or made anew. */
export interface Verified {
  readonly ok: true;
  readonly entries: number;
  readonly head: NotedHead;
}

export interface NotedHead {
  readonly seq: number;
  /** Hex. */
  readonly hash: string;
}

/** The first thing found wrong; `what` is one line. */
export type Fault =
  | { readonly ok: false; readonly at: 'entry'; readonly seq: number; readonly kind: string; readonly what: string }
  | { readonly ok: false; readonly at: 'projection'; readonly table: string; readonly what: string }
  | { readonly ok: false; readonly at: 'file'; readonly what: string };

export interface VerifyOptions {
  readonly onProgress?: (doneEntries: number, totalEntries: number) => void;
  /** A head that was noted earlier: it must still be in the chain. */
  readonly noted?: NotedHead;
}

/**
 * Recomputes the chain and makes the projections anew, in a temporary database, to compare them with the stored ones. Reads one
 * snapshot, changes nothing, and needs the memory of one entry and of the viewings that are open, so that it may run beside the relay.
 *
 * A chain alone cannot show that its last entries were cut off: that shows by the projections, or by a `noted` head.
 *
 * @throws TollcastError `ledger-missing`, `ledger-corrupt`, `ledger-older`, `ledger-newer`
 */
export function verifyLedger(file: string, { onProgress, noted }: VerifyOptions = {}): Verified | Fault {
  const stored = openToRead(file);
  // An empty name: a temporary file that SQLite deletes, kept in memory while it is small.
  const rebuilt = new Database('');
  try {
    rebuilt.pragma('journal_mode = OFF');
    rebuilt.pragma(`cache_size = -${REBUILD_CACHE_KIB}`);
    rebuilt.exec(CREATE_PROJECTIONS);
    rebuilt.exec('BEGIN');
    stored.exec('BEGIN');
    const chain = verifyChain(stored, rebuilt, onProgress ?? (() => {}), noted);
    return chain.ok ? (verifyProjections(stored, rebuilt) ?? chain) : chain;
  } catch (error) {
    if (!isStorageTrouble(error)) throw error;
    return { ok: false, at: 'file', what: `it cannot be read: ${messageOf(error)}` };
  } finally {
    rebuilt.close();
    stored.close();
  }
}

function verifyChain(
  stored: Database.Database,
  rebuilt: Database.Database,
  onProgress: (doneEntries: number, totalEntries: number) => void,
  noted: NotedHead | undefined,
): Verified | Fault {
  const total = stored.prepare<[], { count: number }>('SELECT count(*) AS count FROM entries').get()?.count ?? 0;
  let result: Verified | Fault | undefined;
  function* whole(): Generator<Projectable> {
    result = yield* wholeEntries(stored, noted, (done) => onProgress(done, total));
  }
  historyProjector(rebuilt)(whole());
  if (result === undefined) throw new Error('the entries were not read to their end');
  return result;
}

/** Each entry up to the first that is not as it should be; returns what is wrong with that one. */
function* wholeEntries(
  stored: Database.Database,
  noted: NotedHead | undefined,
  onProgress: (doneEntries: number) => void,
): Generator<Projectable, Verified | Fault> {
  let seq = 0;
  let hash = GENESIS_HEX;
  for (const entry of entriesAfter(stored, 0)) {
    const result = verifyEntry(entry, seq, hash, noted, stored);
    if (!result.ok) return result;
    yield result.entry;
    seq = entry.seq;
    hash = entry.hash;
    if (seq % PROGRESS_ENTRIES === 0) onProgress(seq);
  }
  onProgress(seq);
  if (noted !== undefined && noted.seq > seq) {
    return {
      ok: false,
      at: 'entry',
      seq: seq + 1,
      kind: 'missing',
      what: `the ledger ends at ${seq}; it reached to ${noted.seq} once`,
    };
  }
  return { ok: true, entries: seq, head: { seq, hash } };
}

function verifyEntry(
  entry: StoredEntry,
  previousSeq: number,
  previousHash: string,
  noted: NotedHead | undefined,
  stored: Database.Database,
): { ok: true; entry: Projectable } | Fault {
  const { seq, boot, monoMs, wallMs, kind, body, hash } = entry;
  const fault = (what: string): Fault => ({ ok: false, at: 'entry', seq, kind, what });
  if (seq !== previousSeq + 1) return fault(`entries ${previousSeq + 1} to ${seq - 1} before it are missing`);
  const computed = entryHashHex(previousHash, entry);
  if (computed !== hash) {
    // The entry after it was chained to the true hash, and tells which of the two was changed.
    const [next] = entriesAfter(stored, seq);
    const onlyHash = computed !== undefined && next?.seq === seq + 1 && entryHashHex(computed, next) === next.hash;
    return fault(onlyHash ? 'its hash was changed' : 'its boot, times, kind or body do not give its hash');
  }
  if (noted?.seq === seq && noted.hash !== computed) {
    return fault('its hash is not the one that was noted: the chain up to it was made anew');
  }
  const parsed = parseEntry(kind, body);
  if (!parsed.ok) return fault(parsed.what);
  return { ok: true, entry: { seq, boot, monoMs, wallMs, entry: parsed.entry } };
}

function verifyProjections(stored: Database.Database, rebuilt: Database.Database): Fault | undefined {
  for (const { table, key } of PROJECTIONS) {
    const rows = (db: Database.Database) => db.prepare<[], Row>(`SELECT * FROM ${table} ORDER BY ${key}`);
    const columns = rows(stored)
      .columns()
      .map(({ name }) => name);
    const text = (row: Row | undefined) =>
      row === undefined ? 'nothing' : JSON.stringify(Object.fromEntries(columns.map((name, index) => [name, row[index]])));
    const actual = rows(stored).raw().iterate();
    const expected = rows(rebuilt).raw().iterate();
    try {
      for (;;) {
        const [has, should] = [actual.next().value, expected.next().value];
        if (has === undefined && should === undefined) break;
        if (!isSame(has, should))
          return { ok: false, at: 'projection', table, what: `has ${text(has)} where its entries give ${text(should)}` };
      }
    } finally {
      actual.return?.();
      expected.return?.();
    }
  }
  return undefined;
}

/** In the order of the table's columns: strict tables hold nothing but these, unless somebody put a blob there. */
type Row = readonly unknown[];

const isSame = (a: Row | undefined, b: Row | undefined): boolean =>
  a !== undefined && b !== undefined && a.length === b.length && a.every((value, index) => value === b[index]);
