import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Credit, type Spender } from '../../src/authority/credit.ts';
import { chargeOf } from '../../src/billing/charge.ts';
import type { SpanMs, ViewingRecord } from '../../src/billing/viewing-record.ts';
import type { LedgerReader } from '../../src/ledger/ledger.ts';
import type { ViewerToken } from '../../src/tokens/viewer-token.ts';
import { FakeTime } from '../media/fake-time.ts';

/** A cent a second. */
const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };
const token: ViewerToken = { viewer: 'alice', programs: ['news', 'sport'], id: 't1', cap: '1.00' };

const record = (viewing: string, served: readonly SpanMs[], currency = 'EUR'): ViewingRecord => ({
  viewing,
  viewer: 'alice',
  program: 'news',
  broadcast: 'b1',
  tariff: { ...TARIFF, currency },
  token: 't1',
  wallAnchorMs: 0,
  consentedMs: 0,
  startedMs: 0,
  endedMs: 1e9,
  endedBy: 'stopped',
  confirmed: [{ fromMs: 0, toMs: 1e9 }],
  served,
  receipts: 1,
});

const ended = (billableMs: number, currency = 'EUR'): ViewingRecord =>
  record(`v${billableMs}`, [{ fromMs: 0, toMs: billableMs }], currency);

interface Viewing extends Spender {
  /** Until when it may be served by the keys that it has. */
  keysMs: number;
}

const viewing = (keysMs = 0, of = token): Viewing => ({ keysMs, terms: { token: of, tariff: TARIFF } });

function creditWith(...records: ViewingRecord[]) {
  const time = new FakeTime();
  const asked: unknown[] = [];
  const reader: LedgerReader = {
    programs: () => [],
    encryptors: () => [],
    knowsBroadcast: () => false,
    interruptedBroadcast: () => undefined,
    lastEpoch: () => 0,
    viewings: (filter = {}) => {
      asked.push(filter);
      return records.filter((each) => each.token === filter.token).values();
    },
    close: () => undefined,
  };
  return { time, asked, credit: new Credit<Viewing>(reader, time, ({ keysMs }) => ({ fromMs: 0, toMs: keysMs })) };
}

describe('a spending cap', () => {
  test('covers what it covers, to the minor unit', () => {
    const { credit } = creditWith(ended(80_000));
    expect(credit.admits(token, TARIFF, 20_000)).toBe(true);
    expect(credit.admits(token, TARIFF, 20_001)).toBe(false);
  });

  test('is looked up in the ledger once for a viewing, and not again for the next one on the token', () => {
    const { credit, asked } = creditWith(ended(20_000));
    const first = viewing();
    expect(credit.admits(token, TARIFF, 10_000)).toBe(true);
    credit.open(first);
    credit.close(first);
    expect(credit.admits(token, TARIFF, 10_000)).toBe(true);
    expect(asked).toEqual([{ token: 't1' }]);
  });

  test('counts, of every viewing on the token, what its keys let it be served beyond what was reported', () => {
    const { credit, time } = creditWith(ended(20_000));
    const [first, second] = [viewing(14_000), viewing(14_000)];
    credit.open(first);
    credit.open(second);
    // 20 s have ended, both may be served for 14 s.
    expect(credit.covers(first, 52_000)).toBe(true);
    expect(credit.covers(first, 52_001)).toBe(false);
    time.advance(10_000);
    credit.take(first, { fromMs: 0, toMs: 10_000 });
    credit.take(second, { fromMs: 5_000, toMs: 10_000 });
    // What is reported takes the place of what might have been: the second one was served for 5 s less.
    expect(credit.covers(first, 57_000)).toBe(true);
    expect(credit.covers(first, 57_001)).toBe(false);
    second.keysMs = 24_000;
    expect(credit.covers(first, 47_000)).toBe(true);
    expect(credit.covers(first, 47_001)).toBe(false);
    credit.close(second);
    expect(credit.covers(first, 61_000)).toBe(true);
    expect(credit.covers(first, 61_001)).toBe(false);
  });

  test('counts of a viewing that is about to go for another what it may have cost so far, and no more', () => {
    const { credit, time } = creditWith();
    const going = viewing(90_000);
    credit.open(going);
    time.advance(30_000);
    credit.take(going, { fromMs: 0, toMs: 28_000 });
    expect(credit.admits(token, TARIFF, 14_000)).toBe(false);
    expect(credit.admits(token, TARIFF, 70_000, [going])).toBe(true);
    expect(credit.admits(token, TARIFF, 70_001, [going])).toBe(false);
  });

  test('leaves viewings in another currency, and tokens without a cap, alone', () => {
    const { credit } = creditWith(ended(500_000, 'USD'));
    expect(credit.admits(token, TARIFF, 100_000)).toBe(true);
    const { cap: _, ...open } = token;
    const free = viewing(1e12, open);
    expect(credit.admits(open, TARIFF, 1e12)).toBe(true);
    credit.open(free);
    expect(credit.covers(free, 1e12)).toBe(true);
    expect(credit.take(free, { fromMs: 5, toMs: 1e12 })).toEqual({ fromMs: 5, toMs: 1e12 });
    expect(credit.isUsedUp(free)).toBe(false);
  });

  test('pays for no time beyond it, though an epoch lasted longer than it may', () => {
    const { credit } = creditWith(ended(92_000));
    const late = viewing(8_000);
    credit.open(late);
    expect(credit.take(late, { fromMs: 0, toMs: 5_000 })).toEqual({ fromMs: 0, toMs: 5_000 });
    expect(credit.isUsedUp(late)).toBe(false);
    expect(credit.take(late, { fromMs: 5_000, toMs: 20_000 })).toEqual({ fromMs: 5_000, toMs: 8_000 });
    expect(credit.isUsedUp(late)).toBe(true);
    expect(credit.take(late, { fromMs: 20_000, toMs: 21_000 })).toBeUndefined();
  });

  test('takes time that two edges report once', () => {
    const { credit } = creditWith();
    const moved = viewing(50_000);
    credit.open(moved);
    credit.take(moved, { fromMs: 0, toMs: 10_000 });
    expect(credit.take(moved, { fromMs: 8_000, toMs: 12_000 })).toEqual({ fromMs: 10_000, toMs: 12_000 });
    expect(credit.take(moved, { fromMs: 3_000, toMs: 9_000 })).toBeUndefined();
  });

  test('is exceeded by no bill, whatever is reported when, of however many viewings', () => {
    const step = fc.record({
      what: fc.constantFrom('open', 'report', 'report', 'report', 'close'),
      which: fc.nat(3),
      backMs: fc.nat(3_000),
      forMs: fc.nat(60_000),
      waitMs: fc.nat(8_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(90_000), (steps, beforeMs) => {
        const before = ended(beforeMs);
        const { credit, time } = creditWith(before);
        const spans = new Map<Viewing, SpanMs[]>();
        const running: Viewing[] = [];
        for (const { what, which, backMs, forMs, waitMs } of steps) {
          time.advance(waitMs);
          const one = running[which % Math.max(1, running.length)];
          if (what === 'open') {
            const opened = viewing(time.nowMs() + forMs);
            running.push(opened);
            spans.set(opened, []);
            credit.open(opened);
          } else if (what === 'close' && one !== undefined) {
            running.splice(running.indexOf(one), 1);
            credit.close(one);
          } else if (one !== undefined) {
            const fromMs = Math.max(0, time.nowMs() - backMs);
            const span = credit.take(one, { fromMs, toMs: fromMs + forMs });
            if (span !== undefined) spans.get(one)?.push(span);
          }
        }
        const records = [...spans.values()].map((served, at) => record(`w${at}`, served));
        expect(chargeOf([before, ...records])?.amountMinor ?? 0n).toBeLessThanOrEqual(100n);
      }),
    );
  });
});
