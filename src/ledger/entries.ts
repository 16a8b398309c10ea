import type Database from 'better-sqlite3';
import { GENESIS, type Link } from './chain.ts';

/** The chain itself. The triggers keep honest code honest; the hashes find the rest. */
export const CREATE_ENTRIES = `
  CREATE TABLE entries (
    seq     INTEGER PRIMARY KEY,
    boot    TEXT NOT NULL,
    mono_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    body    TEXT NOT NULL,
    hash    BLOB NOT NULL
  ) STRICT;
  CREATE TRIGGER entries_never_change BEFORE UPDATE ON entries
    BEGIN SELECT raise(ABORT, 'entries are append-only'); END;
  CREATE TRIGGER entries_never_go BEFORE DELETE ON entries
    BEGIN SELECT raise(ABORT, 'entries are append-only'); END;
  -- Also what stops INSERT OR REPLACE, which fires no DELETE trigger.
  CREATE TRIGGER entries_only_at_the_end BEFORE INSERT ON entries
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entries)
    BEGIN SELECT raise(ABORT, 'entries are append-only'); END;
`;

/** As it is read. */
export interface StoredEntry extends Link {
  /** Hex. */
  readonly hash: string;
}

/** The last entry's place and hash; 0 and the genesis hash while there is none. */
export interface Head {
  readonly seq: number;
  readonly hash: Uint8Array;
}

const COLUMNS = 'seq, boot, mono_ms AS monoMs, wall_ms AS wallMs, kind, body, lower(hex(hash)) AS hash';
const MAX_PAGE_ENTRIES = 1_000;
const MAX_PAGE_CHARS = 1 << 20;

/** Reads the chain's true head, each time it is called. */
export function headReader(db: Database.Database): () => Head {
  const select = db.prepare<[], Head>('SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1');
  return () => select.get() ?? { seq: 0, hash: GENESIS };
}

export function entryInserter(db: Database.Database): (link: Link, hash: Buffer) => void {
  const insert = db.prepare('INSERT INTO entries (seq, boot, mono_ms, wall_ms, kind, body, hash) VALUES (?, ?, ?, ?, ?, ?, ?)');
  return ({ seq, boot, monoMs, wallMs, kind, body }, hash) => {
    insert.run(seq, boot, monoMs, wallMs, kind, body, hash);
  };
}

/** The entries after `seq`, in order, one at a time. Until the last was read or the iterator was returned, the connection cannot write. */
export function entriesAfter(db: Database.Database, seq: number): IterableIterator<StoredEntry> {
  return db.prepare<[number], StoredEntry>(`SELECT ${COLUMNS} FROM entries WHERE seq > ? ORDER BY seq`).iterate(seq);
}

/**
 * The entries after `seq`, in order, a page at a time: in bounded memory, though one entry may be as long as a thousand, and
 * leaving the connection free to write between pages.
 */
export function* pagesAfter(db: Database.Database, seq: number): Generator<readonly StoredEntry[]> {
  const select = db.prepare<[number], StoredEntry>(`SELECT ${COLUMNS} FROM entries WHERE seq > ? ORDER BY seq`);
  let after = seq;
  for (;;) {
    const page: StoredEntry[] = [];
    let chars = 0;
    for (const entry of select.iterate(after)) {
      page.push(entry);
      chars += entry.body.length;
      if (page.length >= MAX_PAGE_ENTRIES || chars >= MAX_PAGE_CHARS) break;
    }
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.seq;
  }
}
