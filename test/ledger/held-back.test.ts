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
type Made = readonly [boot: string, entry: Entry];
const opening: readonly Made[] = [
  ['relay', { kind: 'broadcast-started', program: 'p', broadcast: 'b' }],
  ['relay', consent('v1', 'ann')],
  ['relay', consent('v2', 'bob')],
];
const boot = fc.oneof({ weight: 4, arbitrary: fc.constant('relay') }, fc.constant('later'));
const history = fc.array(fc.tuple(boot, entry), { maxLength: 60 }).map(historyOf);

function historyOf(made: readonly Made[]): Projectable[] {
  return [...opening, ...made].map(([boot, entry], index) => ({ seq: index + 1, boot, monoMs: index, wallMs: index, entry }));
}

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

const serving = (...spans: [fromMs: number, toMs: number][]): Made[] =>
  spans.map(([fromMs, toMs]) => ['relay', { kind: 'served', program: 'p', epoch: 1, spans: [['v1', fromMs, toMs]] }]);

const oneByOne = (entries: readonly Projectable[]): unknown =>
  tablesBy(
    projector,
    entries.map((each) => [each]),
  );

describe('a history whose receipts and served time are written late', () => {
  test.each([
    { maxViewings: 100, maxReceipts: 100 },
    { maxViewings: 1, maxReceipts: 100 },
    { maxViewings: 100, maxReceipts: 2 },
  ])('gives what its entries give one by one, holding back $maxViewings viewings and $maxReceipts receipts', (limits) => {
    fc.assert(
      fc.property(history, (entries) => {
        expect(tablesBy((db) => historyProjector(db, limits), [entries])).toEqual(oneByOne(entries));
      }),
      { numRuns: 200 },
    );
  });

  test.each<[string, Made[]]>([
    [
      'a receipt is repeated',
      [
        ['relay', receipt('v1', 1)],
        ['relay', receipt('v1', 1)],
      ],
    ],
    ['served time ends before it begins, and goes on', serving([9, 4], [9, 20], [15, 30])],
    ['served time lies before what is known', serving([20, 30], [5, 10], [8, 12], [30, 40])],
    ['served time lies within what is known', serving([0, 30], [5, 10], [30, 40])],
  ])('gives the same where %s', (_what, made) => {
    const entries = historyOf(made);
    expect(tablesBy((db) => historyProjector(db), [entries])).toEqual(oneByOne(entries));
  });
});
