import { describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { chainWriter } from '../../src/ledger/chain-writer.ts';
import { bodyOf } from '../../src/ledger/entry-json.ts';
import { migrate } from '../../src/ledger/migrations.ts';
import { PROJECTIONS } from '../../src/ledger/projection-tables.ts';
import { rebuild } from '../../src/ledger/projections.ts';
import { type Happening, history } from './history.ts';
import { consent, receipt } from './support-entries.ts';

function ledgerOf(happenings: readonly Happening[], batchEntries: number): Database.Database {
  const db = new Database(':memory:');
  migrate(db, 'memory');
  const append = chainWriter(db);
  for (let at = 0; at < happenings.length; at += batchEntries) {
    const batch = happenings.slice(at, at + batchEntries);
    append(() =>
      batch.map(({ atMs, entry }) => ({ boot: 'boot', monoMs: atMs, wallMs: 1_000_000 + atMs, entry, body: bodyOf(entry) })),
    );
  }
  return db;
}

const tables = (db: Database.Database): unknown =>
  PROJECTIONS.map(({ table, key }) => [table, db.prepare(`SELECT * FROM ${table} ORDER BY ${key}`).all()]);

interface Confirmed {
  viewing: string;
  epoch: number;
  fromMs: number;
  toMs: number;
}

const confirmedIn = (db: Database.Database): Confirmed[] =>
  db
    .prepare<[], Confirmed>(
      `SELECT v.viewing, c.epoch, c.from_ms AS fromMs, c.to_ms AS toMs FROM confirmed c JOIN viewing v ON v.id = c.viewing
        WHERE c.from_ms < c.to_ms ORDER BY v.viewing, c.epoch`,
    )
    .all();

/** What receipts confirm, told by the entries alone, the slow and obvious way. */
function confirmedBy(happenings: readonly Happening[]): Confirmed[] {
  const lastMs = Math.max(...happenings.map(({ atMs }) => atMs));
  const broadcasts = new Map<string, { endMs?: number; begun: { epoch: number; atMs: number }[] }>();
  const reserved = new Map<number, string>();
  const begun = new Set<number>();
  const watched = new Map<string, string>();
  const receipts = new Map<string, { viewing: string; epoch: number; atMs: number }>();
  for (const { atMs, entry } of happenings) {
    if (entry.kind === 'broadcast-started' && !broadcasts.has(entry.broadcast)) broadcasts.set(entry.broadcast, { begun: [] });
    if (entry.kind === 'broadcast-ended') {
      const broadcast = broadcasts.get(entry.broadcast);
      if (broadcast) broadcast.endMs ??= entry.atMs;
    }
    if (entry.kind === 'epoch-reserved' && !reserved.has(entry.epoch)) {
      reserved.set(entry.epoch, broadcasts.has(entry.broadcast) ? entry.broadcast : 'none');
    }
    if (entry.kind === 'epoch-begun' && reserved.get(entry.epoch) === entry.broadcast && !begun.has(entry.epoch)) {
      begun.add(entry.epoch);
      broadcasts.get(entry.broadcast)?.begun.push({ epoch: entry.epoch, atMs: entry.atMs });
    }
    if (entry.kind === 'consent' && !watched.has(entry.viewing) && broadcasts.has(entry.broadcast))
      watched.set(entry.viewing, entry.broadcast);
    if (entry.kind === 'receipt' && watched.has(entry.viewing)) {
      const key = `${entry.viewing} ${entry.epoch}`;
      if (!receipts.has(key)) receipts.set(key, { viewing: entry.viewing, epoch: entry.epoch, atMs });
    }
  }
  return [...receipts.values()]
    .flatMap(({ viewing, epoch, atMs }) => {
      const broadcast = broadcasts.get(watched.get(viewing) ?? '');
      const index = broadcast?.begun.findIndex((each) => each.epoch === epoch) ?? -1;
      const own = broadcast?.begun[index];
      if (broadcast === undefined || own === undefined) return [];
      const ends = [broadcast.begun[index + 1]?.atMs, broadcast.endMs].filter((ms) => ms !== undefined);
      const toMs = ends.length > 0 ? Math.min(...ends) : lastMs;
      return [{ viewing, epoch, fromMs: Math.max(own.atMs, atMs), toMs }];
    })
    .filter(({ fromMs, toMs }) => fromMs < toMs)
    .sort((a, b) => a.viewing.localeCompare(b.viewing) || a.epoch - b.epoch);
}

const BEGUN: readonly Happening[] = [
  { atMs: 0, entry: { kind: 'broadcast-started', program: 'p', broadcast: 'b' } },
  { atMs: 0, entry: { kind: 'epoch-reserved', program: 'p', broadcast: 'b', epoch: 1 } },
  { atMs: 0, entry: { kind: 'epoch-begun', program: 'p', broadcast: 'b', epoch: 1, atMs: 0 } },
];

/** The milliseconds of each viewing, by its name. */
type Served = Record<string, number[]>;

function servedIn(db: Database.Database): Served {
  const rows = db
    .prepare<[], { viewing: string; fromMs: number; toMs: number }>(
      'SELECT v.viewing, s.from_ms AS fromMs, s.to_ms AS toMs FROM served s JOIN viewing v ON v.id = s.viewing',
    )
    .all();
  return millisecondsOf(rows.map(({ viewing, fromMs, toMs }) => [viewing, fromMs, toMs]));
}

function servedBy(happenings: readonly Happening[]): Served {
  const [watched, spans] = [new Set<string>(), [] as [string, number, number][]];
  const broadcasts = new Set<string>();
  for (const { entry } of happenings) {
    if (entry.kind === 'broadcast-started') broadcasts.add(entry.broadcast);
    if (entry.kind === 'consent' && broadcasts.has(entry.broadcast)) watched.add(entry.viewing);
    if (entry.kind === 'served') spans.push(...entry.spans.filter(([viewing]) => watched.has(viewing)));
  }
  return millisecondsOf(spans);
}

function millisecondsOf(spans: readonly (readonly [viewing: string, fromMs: number, toMs: number])[]): Served {
  const served = new Map<string, Set<number>>();
  for (const [viewing, fromMs, toMs] of spans)
    for (let ms = fromMs; ms < toMs; ms++) served.set(viewing, (served.get(viewing) ?? new Set()).add(ms));
  return Object.fromEntries([...served].map(([viewing, ms]) => [viewing, [...ms].sort((a, b) => a - b)]));
}

describe('the projections', () => {
  test('are the same when they are made anew from the entries, however these were grouped', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 1, max: 9 }), (happenings, batchEntries) => {
        const db = ledgerOf(happenings, batchEntries);
        const before = tables(db);
        expect(tables(ledgerOf(happenings, happenings.length))).toEqual(before);
        rebuild(db);
        expect(tables(db)).toEqual(before);
      }),
    );
  });

  test('confirm exactly the time that the entries confirm', () => {
    fc.assert(
      fc.property(history, (happenings) => {
        expect(confirmedIn(ledgerOf(happenings, 4))).toEqual(confirmedBy(happenings));
      }),
      { numRuns: 300 },
    );
  });

  test('have of each viewing exactly the time that was served, and one row of what went on without a gap', () => {
    fc.assert(
      fc.property(history, (happenings) => {
        const db = ledgerOf(happenings, 4);
        expect(servedIn(db)).toEqual(servedBy(happenings));
      }),
      { numRuns: 300 },
    );
    const reports = Array.from({ length: 100 }, (_, index): Happening => {
      const toMs = (index + 1) * 2_000;
      return { atMs: toMs, entry: { kind: 'served', program: 'p', epoch: 1, spans: [['v', toMs - 2_000, toMs]] } };
    });
    const rows = ledgerOf([...BEGUN, { atMs: 0, entry: consent('v', 'ann') }, ...reports], 10)
      .prepare('SELECT * FROM served')
      .all();
    expect(rows).toMatchObject([{ from_ms: 0, to_ms: 200_000 }]);
  });

  test('leave an epoch that was reserved and never begun without confirmed time', () => {
    const db = ledgerOf(
      [
        { atMs: 0, entry: { kind: 'broadcast-started', program: 'p', broadcast: 'b' } },
        { atMs: 1, entry: { kind: 'epoch-reserved', program: 'p', broadcast: 'b', epoch: 1 } },
        { atMs: 2, entry: consent('v', 'ann') },
        { atMs: 3, entry: receipt('v', 1) },
        { atMs: 9_000, entry: { kind: 'life' } },
      ],
      10,
    );
    expect(confirmedIn(db)).toEqual([]);
  });
});

describe('the entries', () => {
  const db = ledgerOf([{ atMs: 0, entry: { kind: 'life' } }], 1);

  test.each([
    ['changed', "UPDATE entries SET body = '[]'"],
    ['deleted', 'DELETE FROM entries'],
    ['replaced', "INSERT OR REPLACE INTO entries VALUES (1, 'x', 0, 0, 'life', '{}', x'00')"],
    ['given a gap', "INSERT INTO entries VALUES (3, 'x', 0, 0, 'life', '{}', x'00')"],
  ])('cannot be %s', (_what, sql) => {
    expect(() => db.exec(sql)).toThrow('entries are append-only');
  });
});
