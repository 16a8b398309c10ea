import { describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import type { Entry } from '../../src/ledger/entry.ts';
import { CREATE_PROJECTIONS, PROJECTIONS } from '../../src/ledger/projection-tables.ts';
import { historyProjector, type Projectable, type Projector, projector } from '../../src/ledger/projections.ts';
import { consent, receipt } from './support-entries.ts';

const viewing = fc.constantFrom('v1', 'v2', 'v3');
const ms = fc.nat(30);
/** Few times and few viewings, so that everything meets everything: spans that overlap, touch, repeat and end before they begin. */
const entry: fc.Arbitrary<Entry> = fc.oneof(
  viewing.map((of) => consent(of, 'ann')),
  fc.tuple(viewing, fc.integer({ min: 1, max: 3 })).map(([of, epoch]) => receipt(of, epoch)),
  {
    weight: 4,
    arbitrary: fc
      .array(fc.tuple(viewing, ms, ms), { minLength: 1, maxLength: 4 })
      .map((spans): Entry => ({ kind: 'served', program: 'p', epoch: 1, spans })),
  },
  viewing.map((of): Entry => ({ kind: 'viewing-ended', viewing: of, reason: 'stopped', atMs: 9 })),
);
const started: Entry = { kind: 'broadcast-started', program: 'p', broadcast: 'b' };
const history = fc
  .array(fc.tuple(fc.constantFrom('relay', 'later'), entry), { maxLength: 60 })
  .map((entries) =>
    [['relay', started] as const, ...entries].map(
      ([boot, made], index): Projectable => ({ seq: index + 1, boot, monoMs: index, wallMs: index, entry: made }),
    ),
  );

/** What the projections are after `project` was given all of it. */
function tablesBy(make: (db: Database.Database) => Projector, batches: readonly (readonly Projectable[])[]): unknown {
  const db = new Database(':memory:');
  db.exec(CREATE_PROJECTIONS);
  const project = make(db);
  for (const batch of batches) project(batch);
  const tables = PROJECTIONS.map(({ table, key }) => [table, db.prepare(`SELECT * FROM ${table} ORDER BY ${key}`).all()]);
  db.close();
  return tables;
}

describe('a history whose receipts and served time are written late', () => {
  test.each([
    { maxViewings: 100, maxReceipts: 100 },
    { maxViewings: 1, maxReceipts: 100 },
    { maxViewings: 100, maxReceipts: 2 },
  ])('gives what its entries give one by one, holding back $maxViewings viewings and $maxReceipts receipts', (limits) => {
    fc.assert(
      fc.property(history, (entries) => {
        const late = tablesBy((db) => historyProjector(db, limits), [entries]);
        expect(late).toEqual(
          tablesBy(
            projector,
            entries.map((each) => [each]),
          ),
        );
      }),
      { numRuns: 200 },
    );
  });
});
