import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { recover } from '../../src/ledger/recovery.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { type Happening, history } from './history.ts';
import { manualClock, newLedgerFile, tamper, viewingsIn } from './support.ts';
import { consent, receipt } from './support-entries.ts';

/** A relay that lived through `happenings` and then died. */
function crashed(happenings: readonly Happening[]): string {
  const file = newLedgerFile();
  const clock = manualClock('crashed');
  recover({ file, clock, version: '1' });
  let group: Entry[] = [];
  happenings.forEach(({ atMs, entry }, index) => {
    group.push(entry);
    if (happenings[index + 1]?.atMs === atMs) return;
    clock.setMs(atMs);
    appendNow(file, clock, () => group);
    group = [];
  });
  return file;
}

const at = (atMs: number, entry: Entry): Happening => ({ atMs, entry });
const run = { program: 'p', broadcast: 'b' };
const epoch = (number: number, atMs: number): Happening[] => [
  at(atMs, { kind: 'epoch-reserved', ...run, epoch: number }),
  at(atMs, { kind: 'epoch-begun', ...run, epoch: number, atMs }),
];
const watching = [
  at(0, { kind: 'broadcast-started', ...run }),
  ...epoch(1, 1_000),
  at(2_000, consent('v', 'ann')),
  at(2_500, receipt('v', 1)),
  at(2_500, { kind: 'viewing-started', viewing: 'v', atMs: 2_500 }),
];

const restart = (file: string, boot: string) => recover({ file, clock: manualClock(boot), version: '1' });

describe('recovery', () => {
  test('ends a viewing at the last sign of life of its boot', () => {
    const file = crashed([...watching, at(7_000, { kind: 'life' })]);
    expect(restart(file, 'next')).toEqual({ viewings: 1, broadcasts: 1 });
    expect(viewingsIn(file)).toMatchObject([
      { endedMs: 7_000, endedBy: 'interrupted', startedMs: 2_500, confirmed: [{ fromMs: 2_500, toMs: 7_000 }] },
    ]);
    expect(verifyLedger(file)).toMatchObject({ ok: true });
  });

  test('ends a viewing no later than the end of its last confirmed epoch', () => {
    const file = crashed([...watching, ...epoch(2, 5_000), at(9_000, { kind: 'life' })]);
    restart(file, 'next');
    expect(viewingsIn(file)).toMatchObject([{ endedMs: 5_000, endedBy: 'interrupted' }]);
  });

  test('ends a viewing that never started at its consent', () => {
    const file = crashed([
      at(0, { kind: 'broadcast-started', ...run }),
      at(2_000, consent('v', 'ann')),
      at(9_000, { kind: 'life' }),
    ]);
    restart(file, 'next');
    const [viewing] = viewingsIn(file);
    expect(viewing).toMatchObject({ endedMs: 2_000, endedBy: 'interrupted' });
    expect(viewing?.startedMs).toBeUndefined();
  });

  test('ends a started viewing whose epoch never began where it started', () => {
    const happenings = watching.filter(({ entry }) => entry.kind !== 'epoch-begun');
    const file = crashed([...happenings, at(9_000, { kind: 'life' })]);
    restart(file, 'next');
    expect(viewingsIn(file)).toMatchObject([{ startedMs: 2_500, endedMs: 2_500, confirmed: [] }]);
  });

  test('leaves a viewing that had ended as it was', () => {
    const file = crashed([...watching, at(4_000, { kind: 'viewing-ended', viewing: 'v', reason: 'stopped', atMs: 4_000 })]);
    expect(restart(file, 'next')).toEqual({ viewings: 0, broadcasts: 1 });
    expect(viewingsIn(file)).toMatchObject([{ endedMs: 4_000, endedBy: 'stopped' }]);
  });

  test('bills the same when it is done twice as when it is done once, after any history', () => {
    fc.assert(
      fc.property(history, (happenings) => {
        const file = crashed(happenings);
        const before = viewingsIn(file);
        restart(file, 'second');
        const once = viewingsIn(file);
        expect(restart(file, 'third')).toEqual({ viewings: 0, broadcasts: 0 });
        expect(viewingsIn(file)).toEqual(once);
        // Nor does it touch what was confirmed and served before.
        expect(once.map(({ confirmed, served }) => ({ confirmed, served }))).toEqual(
          before.map(({ confirmed, served }) => ({ confirmed, served })),
        );
        expect(once.every(({ endedMs }) => endedMs !== undefined)).toBe(true);
        expect(verifyLedger(file)).toMatchObject({ ok: true });
      }),
      { numRuns: 8 },
    );
  });

  test('that fails half way leaves nothing half done', () => {
    const file = crashed([...watching, at(7_000, { kind: 'life' })]);
    const refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF ended_ms ON broadcast BEGIN SELECT raise(ABORT, 'no'); END";
    tamper(file, (db) => db.exec(refuse));
    const before = viewingsIn(file);
    expect(() => restart(file, 'second')).toThrow();
    expect(viewingsIn(file)).toEqual(before);
    tamper(file, (db) => db.exec('DROP TRIGGER refuse'));
    expect(restart(file, 'third')).toEqual({ viewings: 1, broadcasts: 1 });
  });
});
