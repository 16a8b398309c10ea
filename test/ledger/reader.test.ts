import { describe, expect, test } from '@jest/globals';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { openReader } from '../../src/ledger/reader.ts';
import { manualClock, newLedgerFile, viewingsIn } from './support.ts';
import { consent, receipt, tariff } from './support-entries.ts';

const ANCHOR_MS = 1_700_000_000_000;

/** A ledger of what happened, each at its time. */
function ledgerOf(...happenings: [atMs: number, ...Entry[]][]): string {
  const file = newLedgerFile();
  const clock = manualClock('relay', ANCHOR_MS);
  for (const [atMs, ...entries] of happenings) {
    clock.setMs(atMs);
    appendNow(file, clock, () => entries);
  }
  return file;
}

const run = { program: 'p', broadcast: 'b' };
const reserved = (epoch: number): Entry => ({ kind: 'epoch-reserved', ...run, epoch });
const begun = (epoch: number, atMs: number): Entry => ({ kind: 'epoch-begun', ...run, epoch, atMs });
const served = (viewing: string, fromMs: number, toMs: number): Entry => ({
  kind: 'served',
  program: 'p',
  epoch: 1,
  spans: [[viewing, fromMs, toMs]],
});
const started: [number, ...Entry[]] = [0, { kind: 'broadcast-started', ...run }, reserved(1), begun(1, 0), consent('v', 'ann')];

describe('a viewing that is read', () => {
  test('has all that a bill is made from', () => {
    const file = ledgerOf(
      started,
      [300, receipt('v', 1), { kind: 'viewing-started', viewing: 'v', atMs: 300 }],
      [9_000, { kind: 'viewing-ended', viewing: 'v', reason: 'stopped', atMs: 8_500 }],
    );
    expect(viewingsIn(file)).toEqual([
      {
        viewing: 'v',
        viewer: 'ann',
        program: 'p',
        broadcast: 'b',
        tariff,
        token: 'jti-v',
        wallAnchorMs: ANCHOR_MS,
        consentedMs: 0,
        startedMs: 300,
        endedMs: 8_500,
        endedBy: 'stopped',
        confirmed: [{ fromMs: 300, toMs: 9_000 }],
        served: [],
        receipts: 1,
      },
    ]);
  });

  test('is confirmed from epoch to epoch without a gap when receipts come ahead', () => {
    const file = ledgerOf(
      started,
      [300, receipt('v', 1)],
      [8_000, reserved(2), receipt('v', 2)],
      [10_000, begun(2, 10_000)],
      [15_000, { kind: 'life' }],
    );
    expect(viewingsIn(file)[0]).toMatchObject({ receipts: 2, confirmed: [{ fromMs: 300, toMs: 15_000 }] });
  });

  test('is not confirmed between an epoch and the late receipt for it, nor beyond the end of the broadcast', () => {
    const file = ledgerOf(
      started,
      [300, receipt('v', 1)],
      [10_000, reserved(2), begun(2, 10_000)],
      [12_000, receipt('v', 2)],
      [13_000, receipt('v', 2), { kind: 'broadcast-ended', ...run, atMs: 12_900, reason: 'unpublished' }],
      [20_000, { kind: 'life' }],
    );
    expect(viewingsIn(file)[0]?.confirmed).toEqual([
      { fromMs: 300, toMs: 10_000 },
      { fromMs: 12_000, toMs: 12_900 },
    ]);
  });

  test('is not confirmed by an epoch that nobody began', () => {
    const file = ledgerOf(started, [300, receipt('v', 1)], [8_000, reserved(2), receipt('v', 2)], [9_000, { kind: 'life' }]);
    expect(viewingsIn(file)[0]).toMatchObject({ receipts: 2, confirmed: [{ fromMs: 300, toMs: 9_000 }] });
    expect(
      viewingsIn(ledgerOf([0, { kind: 'broadcast-started', ...run }, reserved(1), consent('v', 'ann'), receipt('v', 1)])),
    ).toMatchObject([{ receipts: 1, confirmed: [] }]);
  });

  test('was served the union of what the edge reported', () => {
    const file = ledgerOf(
      started,
      [9_000, served('v', 0, 1_000), served('v', 3_000, 4_000), served('v', 1_000, 2_000)],
      [9_500, served('v', 3_000, 5_000), served('v', 3_500, 3_600), served('v', 6_000, 6_000)],
    );
    expect(viewingsIn(file)[0]?.served).toEqual([
      { fromMs: 0, toMs: 2_000 },
      { fromMs: 3_000, toMs: 5_000 },
    ]);
  });
});

describe('a reader', () => {
  const second = { program: 'q', broadcast: 'later' };
  const file = ledgerOf(
    [0, { kind: 'broadcast-started', ...second }, { kind: 'broadcast-started', ...run }],
    [1, consent('1', 'bob'), consent('2', 'ann'), consent('3', 'ann', 'q', 'later'), consent('4', 'ann')],
    [2, { kind: 'epoch-reserved', ...second, epoch: 41 }, { kind: 'epoch-reserved', ...second, epoch: 40 }],
  );

  test('gives viewings in the order of viewer, broadcast and consent', () => {
    expect(viewingsIn(file).map(({ viewing }) => viewing)).toEqual(['3', '2', '4', '1']);
  });

  test.each([
    [{ viewer: 'ann' }, ['3', '2', '4']],
    [{ program: 'p' }, ['2', '4', '1']],
    [{ program: 'p', viewer: 'ann' }, ['2', '4']],
    [{ token: 'jti-3' }, ['3']],
    [{ viewer: "x' OR 1 --" }, []],
  ])('gives those of %j only', (filter, viewings) => {
    const reader = openReader(file);
    expect([...reader.viewings(filter)].map(({ viewing }) => viewing)).toEqual(viewings);
    reader.close();
  });

  test('knows the last epoch that was ever reserved', () => {
    const reader = openReader(file);
    expect([reader.lastEpoch('q'), reader.lastEpoch('p')]).toEqual([41, 0]);
    reader.close();
  });

  test('knows the broadcasts that there were, of a program or of any', () => {
    const reader = openReader(file);
    expect([reader.knowsBroadcast('p', 'b'), reader.knowsBroadcast('q', 'b')]).toEqual([true, false]);
    expect([reader.knowsBroadcast(undefined, 'b'), reader.knowsBroadcast(undefined, 'c')]).toEqual([true, false]);
    reader.close();
  });

  test.each<[string, string | undefined, number, ...Entry[]]>([
    ['the authority died during it', 'b', 5_000, { kind: 'broadcast-ended', ...run, atMs: 900, reason: 'interrupted' }],
    ['and the clock was set back since', 'b', -5_000, { kind: 'broadcast-ended', ...run, atMs: 900, reason: 'interrupted' }],
    ['that was too long ago', undefined, 10_900, { kind: 'broadcast-ended', ...run, atMs: 900, reason: 'interrupted' }],
    ['the clock was set back by more', undefined, -9_100, { kind: 'broadcast-ended', ...run, atMs: 900, reason: 'interrupted' }],
    ['it was ended', undefined, 5_000, { kind: 'broadcast-ended', ...run, atMs: 900, reason: 'broadcast-ended' }],
    ['it has not ended', undefined, 5_000],
    [
      'another came after it',
      'b2',
      5_000,
      { kind: 'broadcast-ended', ...run, atMs: 900, reason: 'broadcast-ended' },
      { kind: 'broadcast-started', program: 'p', broadcast: 'b2' },
      { kind: 'broadcast-ended', program: 'p', broadcast: 'b2', atMs: 950, reason: 'interrupted' },
      { kind: 'broadcast-started', program: 'q', broadcast: 'other' },
    ],
  ])('knows what broadcast a program may go on with: %s', (_what, broadcast, nowMs, ...entries) => {
    const reader = openReader(ledgerOf(started, [1_000, ...entries]));
    expect(reader.interruptedBroadcast('p', ANCHOR_MS + nowMs, 10_000)).toBe(broadcast);
    reader.close();
  });

  test('sees one moment throughout an iteration, while others write', () => {
    const reader = openReader(file);
    const seen: string[] = [];
    for (const { viewing } of reader.viewings()) {
      seen.push(viewing);
      if (seen.length === 1) appendNow(file, manualClock('relay'), () => [consent('5', 'zoe')]);
    }
    expect(seen).toEqual(['3', '2', '4', '1']);
    expect([...reader.viewings({ viewer: 'zoe' })]).toHaveLength(1);
    reader.close();
  });

  test('may leave an iteration half way, and hold two at once', () => {
    const reader = openReader(file);
    const [one, other] = [reader.viewings(), reader.viewings()];
    expect([one.next().value?.viewing, other.next().value?.viewing, one.next().value?.viewing]).toEqual(['3', '3', '2']);
    one.return?.();
    expect([...other]).toHaveLength(4);
    reader.close();
  });
});
