import { closeSync, copyFileSync, openSync, statSync, writeSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type Database from 'better-sqlite3';
import fc from 'fast-check';
import { entryHash, GENESIS, type Link } from '../../src/ledger/chain.ts';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { type NotedHead, type Verified, verifyLedger } from '../../src/ledger/verify.ts';
import { manualClock, newLedgerFile, tamper } from './support.ts';
import { consent, receipt } from './support-entries.ts';

const RECEIPTS = 1_500; // more than one page
const entries: Entry[] = [
  { kind: 'boot', version: '1', wallAnchorMs: 1_700_000_000_000 },
  { kind: 'broadcast-started', program: 'p', broadcast: 'b' },
  { kind: 'epoch-reserved', program: 'p', broadcast: 'b', epoch: 1 },
  { kind: 'epoch-begun', program: 'p', broadcast: 'b', epoch: 1, atMs: 0 },
  consent('v', 'ann'),
  ...Array.from({ length: RECEIPTS }, (_, index) => receipt('v', index + 1)),
];

const original = newLedgerFile();
beforeAll(() => {
  appendNow(original, manualClock('relay'), () => entries);
});

function whole(): Verified {
  const result = verifyLedger(original);
  if (!result.ok) throw new Error(result.what);
  return result;
}

/** A copy that someone changed. */
function tampered(change: (db: Database.Database) => void): string {
  const file = newLedgerFile();
  copyFileSync(original, file);
  tamper(file, change);
  return file;
}

/** Makes the chain anew from an entry on, as a thorough forger would. */
function rechain(db: Database.Database): void {
  let previous: Uint8Array = GENESIS;
  const all = db
    .prepare<[], Link>('SELECT seq, boot, mono_ms AS monoMs, wall_ms AS wallMs, kind, body FROM entries ORDER BY seq')
    .all();
  const update = db.prepare('UPDATE entries SET hash = ? WHERE seq = ?');
  for (const entry of all) {
    previous = entryHash(previous, entry);
    update.run(previous, entry.seq);
  }
}

describe('verification', () => {
  test('passes a ledger that nobody touched, and says how far it reaches', () => {
    const progress: [number, number][] = [];
    const result = verifyLedger(original, { onProgress: (done, total) => progress.push([done, total]) });
    expect(result).toMatchObject({ ok: true, entries: entries.length, head: { seq: entries.length } });
    expect(progress.at(-1)).toEqual([entries.length, entries.length]);
  });

  test('names the entry of which any byte was changed', () => {
    const column = fc.constantFrom('boot', 'kind', 'body', 'hash');
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: entries.length }),
        column,
        fc.nat(1_000),
        fc.integer({ min: 0, max: 6 }),
        (seq, name, at, bit) => {
          const file = tampered((db) => {
            const row = db
              .prepare<[number], { value: string | Buffer }>(`SELECT ${name} AS value FROM entries WHERE seq = ?`)
              .get(seq);
            const bytes = Buffer.from(row?.value ?? '');
            const index = at % bytes.length;
            bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
            db.prepare(`UPDATE entries SET ${name} = ? WHERE seq = ?`).run(name === 'hash' ? bytes : bytes.toString(), seq);
          });
          expect(verifyLedger(file)).toMatchObject({ ok: false, at: 'entry', seq });
        },
      ),
      { numRuns: 40 },
    );
  });

  test.each(['mono_ms', 'wall_ms'])('names the entry of which %s was changed', (column) => {
    const file = tampered((db) => db.exec(`UPDATE entries SET ${column} = ${column} - 1 WHERE seq = 77`));
    expect(verifyLedger(file)).toMatchObject({
      at: 'entry',
      seq: 77,
      kind: 'receipt',
      what: expect.stringContaining('do not give its hash'),
    });
  });

  test('tells a changed hash from a changed entry', () => {
    const file = tampered((db) => db.exec('UPDATE entries SET hash = zeroblob(32) WHERE seq = 77'));
    expect(verifyLedger(file)).toMatchObject({ at: 'entry', seq: 77, what: 'its hash was changed' });
  });

  test.each([2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n])(
    'names the entry that has a time of %d ms, more than a number holds',
    (ms) => {
      const file = tampered((db) => db.prepare('UPDATE entries SET mono_ms = ? WHERE seq IN (76, 77)').run(ms));
      expect(verifyLedger(file)).toMatchObject({ at: 'entry', seq: 76, what: expect.stringContaining('do not give its hash') });
    },
  );

  test('names the entry before which others are missing', () => {
    const file = tampered((db) => db.exec('DELETE FROM entries WHERE seq BETWEEN 50 AND 59'));
    expect(verifyLedger(file)).toMatchObject({ at: 'entry', seq: 60, what: 'entries 50 to 59 before it are missing' });
  });

  test('finds by the projections that the last entries were cut off', () => {
    const file = tampered((db) => db.exec(`DELETE FROM entries WHERE seq > ${entries.length - 3}`));
    expect(verifyLedger(file)).toMatchObject({ at: 'projection', table: 'receipt' });
  });

  describe('against a head that was noted', () => {
    let noted: NotedHead;
    beforeAll(() => {
      noted = whole().head;
    });

    test('passes what only grew since', () => {
      const file = tampered(() => {});
      appendNow(file, manualClock('later'), () => [{ kind: 'life' }]);
      expect(verifyLedger(file, { noted })).toMatchObject({ ok: true, entries: entries.length + 1 });
    });

    test('finds last entries cut off, though the projections were cut as well', () => {
      const file = tampered((db) =>
        db.exec(`DELETE FROM entries WHERE seq = ${entries.length}; DELETE FROM receipt WHERE epoch = ${RECEIPTS}`),
      );
      expect(verifyLedger(file)).toMatchObject({ ok: true });
      expect(verifyLedger(file, { noted })).toMatchObject({ at: 'entry', seq: entries.length, kind: 'missing' });
    });

    test('finds a chain that was made anew', () => {
      const file = tampered((db) => {
        db.exec(`UPDATE entries SET body = replace(body, '"chunks":0', '"chunks":9') WHERE seq = 77`);
        rechain(db);
      });
      expect(verifyLedger(file)).toMatchObject({ ok: true });
      expect(verifyLedger(file, { noted })).toMatchObject({
        at: 'entry',
        seq: entries.length,
        what: expect.stringContaining('made anew'),
      });
    });
  });

  test('names an entry that is well chained and makes no sense', () => {
    const file = tampered((db) => {
      db.exec(`UPDATE entries SET body = '{"viewing":"v","epoch":"one"}' WHERE seq = 77`);
      rechain(db);
    });
    expect(verifyLedger(file)).toMatchObject({ at: 'entry', seq: 77, what: expect.stringContaining('epoch') });
  });

  test('says so of a file whose pages make no sense', () => {
    const file = tampered((db) => db.pragma('wal_checkpoint(TRUNCATE)'));
    const pageBytes = 4_096;
    const handle = openSync(file, 'r+');
    writeSync(handle, Buffer.alloc(20 * pageBytes, 0xff), 0, 20 * pageBytes, statSync(file).size - 30 * pageBytes);
    closeSync(handle);
    expect(verifyLedger(file)).toMatchObject({ ok: false, at: 'file' });
  });

  test.each([
    ['boot', 'UPDATE boot SET last_ms = last_ms + 1000'],
    ['broadcast', "UPDATE broadcast SET ended_ms = 5, ended_by = 'x'"],
    ['epoch', 'DELETE FROM epoch'],
    ['viewing', "UPDATE viewing SET viewer = 'bob'"],
    ['viewing', 'ALTER TABLE viewing DROP COLUMN ended_by'],
    ['receipt', 'UPDATE receipt SET at_ms = at_ms + 1 WHERE epoch = 1000'],
    ['served', 'INSERT INTO served VALUES (5, 0, 100)'],
    ['encryptor', "INSERT INTO encryptor VALUES ('facility', '[]', '')"],
    ['program', "INSERT INTO program VALUES ('x', 'X', '{}', '')"],
  ])('finds a change in the projection %s', (table, sql) => {
    expect(verifyLedger(tampered((db) => db.exec(sql)))).toMatchObject({ at: 'projection', table });
  });
});
