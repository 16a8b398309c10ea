import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Charge, chargeOf, runningCharge } from '../../src/billing/charge.ts';
import { parseDecimal } from '../../src/billing/money.ts';
import type { Tariff } from '../../src/billing/tariff.ts';
import type { ViewingRecord } from '../../src/billing/viewing-record.ts';
import { anyRecord, anyTariff, EVENING_MS, euroTariff, record, running, span, unstarted } from './records.ts';

const charged = (records: readonly ViewingRecord[]): Charge => {
  const charge = chargeOf(records);
  if (charge === undefined) throw new Error('nothing was charged');
  return charge;
};

describe('a charge', () => {
  test('is seconds × price / 60', () => {
    expect(charged([record()])).toMatchObject({
      viewer: 'ada',
      program: 'concert',
      broadcast: 'broadcast-1',
      startedAtMs: EVENING_MS + 1_000,
      endedAtMs: EVENING_MS + 21_000,
      endedBy: 'stopped',
      billableMs: 20_000,
      billableSeconds: 20,
      amountMinor: 20n,
      amount: '0.20',
    });
  });

  test('adds viewings up exactly and rounds only the sum', () => {
    const shortViewing = (viewing: string, fromMs: number) =>
      record({ viewing, startedMs: fromMs, endedMs: fromMs + 400, confirmed: [span(0, 60_000)], served: [span(0, 60_000)] });
    const charge = charged([shortViewing('a', 1_000), shortViewing('b', 5_000), shortViewing('c', 9_000)]);
    expect(charge.viewings.map(({ billableMs }) => billableMs)).toEqual([400, 400, 400]);
    expect(charge).toMatchObject({ billableMs: 1_200, billableSeconds: 2, amount: '0.02' });
  });

  test('leaves out a viewing that never started, and is none if none did', () => {
    expect(charged([unstarted({ viewing: 'never' }), record()]).viewings.map(({ viewing }) => viewing)).toEqual(['viewing-1']);
    expect(chargeOf([unstarted()])).toBeUndefined();
    expect(chargeOf([])).toBeUndefined();
  });

  test('of a viewing that started and was served nothing is zero', () => {
    expect(charged([record({ served: [] })])).toMatchObject({ billableSeconds: 0, amount: '0.00' });
  });

  test('lasts from its first start to its last end, and ended by what ended last', () => {
    const charge = charged([
      record({ viewing: 'late', startedMs: 30_000, endedMs: 40_000, endedBy: 'disconnected' }),
      record({ viewing: 'early', startedMs: 2_000, endedMs: 50_000, endedBy: 'too-slow' }),
    ]);
    expect(charge).toMatchObject({ startedAtMs: EVENING_MS + 2_000, endedAtMs: EVENING_MS + 50_000, endedBy: 'too-slow' });
    expect(charge.viewings.map(({ viewing }) => viewing)).toEqual(['early', 'late']);
  });

  test('runs while any of its viewings does', () => {
    const charge = charged([running({ viewing: 'on' }), record()]);
    expect(charge.endedBy).toBe('running');
    expect(charge).not.toHaveProperty('endedAtMs');
  });

  test('takes each viewing at the wall clock of its own boot', () => {
    const afterRestart = record({ viewing: 'second', wallAnchorMs: EVENING_MS + 3_600_000, startedMs: 10, endedMs: 20 });
    expect(charged([record(), afterRestart])).toMatchObject({
      startedAtMs: EVENING_MS + 1_000,
      endedAtMs: EVENING_MS + 3_600_020,
    });
  });

  test('is the same however the viewings are ordered', () => {
    const viewings = fc.uniqueArray(anyRecord, { minLength: 1, maxLength: 6, selector: ({ viewing }) => viewing });
    fc.assert(
      fc.property(viewings, (records) => {
        expect(chargeOf(records.toReversed())).toEqual(chargeOf(records));
      }),
    );
  });

  test('is the same when a viewing is split in two at any instant', () => {
    fc.assert(
      fc.property(anyRecord, anyTariff, fc.nat(400_000), (viewing, tariff, afterMs) => {
        const splitMs = Math.min((viewing.startedMs ?? 0) + afterMs, viewing.endedMs ?? Number.POSITIVE_INFINITY);
        const whole = { ...viewing, tariff };
        const before: ViewingRecord = { ...whole, endedMs: splitMs, endedBy: 'superseded' };
        const after: ViewingRecord = { ...whole, viewing: 'after', startedMs: splitMs };
        const { billableMs, billableSeconds, amountMinor } = charged([whole]);
        expect(charged([before, after])).toMatchObject({ billableMs, billableSeconds, amountMinor });
      }),
    );
  });
});

describe('a price', () => {
  const price = (billableMs: number, changes: Partial<Tariff>) => runningCharge(billableMs, { ...euroTariff, ...changes });

  test.each<[number, Partial<Tariff>, number, string]>([
    [0, {}, 0, '0.00'],
    [1, {}, 1, '0.01'],
    [1_000, {}, 1, '0.01'],
    [1_001, {}, 2, '0.02'],
    [20_000, { pricePerMinute: '0.61' }, 20, '0.20'], // 20.33 cents
    [1, { incrementSeconds: 60 }, 60, '0.60'],
    [60_001, { incrementSeconds: 60 }, 120, '1.20'],
    [30_000, { pricePerMinute: '0.05' }, 30, '0.02'], // 2.5 cents, half to even
    [30_000, { pricePerMinute: '0.07' }, 30, '0.04'], // 3.5 cents, half to even
    [20_000, { currency: 'JPY', pricePerMinute: '60' }, 20, '20'],
    [1_000, { currency: 'JPY', pricePerMinute: '30' }, 1, '0'], // 0.5 yen
    [20_000, { currency: 'KWD', pricePerMinute: '0.060' }, 20, '0.020'],
    [86_400_000, { pricePerMinute: '999999999.999999999' }, 86_400, '1440000000000.00'],
    [60_000, { pricePerMinute: '0' }, 60, '0.00'],
  ])('of %i ms at %o is that of %i s: %s', (billableMs, tariff, billableSeconds, amount) => {
    expect(price(billableMs, tariff)).toMatchObject({ billableSeconds, amount });
  });

  test('is for the fewest whole increments that hold the time', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 9), anyTariff, (billableMs, tariff) => {
        const { billableSeconds } = runningCharge(billableMs, tariff);
        expect(billableSeconds % tariff.incrementSeconds).toBe(0);
        expect(billableSeconds * 1_000).toBeGreaterThanOrEqual(billableMs);
        expect((billableSeconds - tariff.incrementSeconds) * 1_000).toBeLessThan(billableMs);
      }),
    );
  });

  test('is within half a minor unit of seconds × price / 60', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 9), anyTariff, (billableMs, tariff) => {
        const { billableSeconds, amount } = runningCharge(billableMs, tariff);
        const halfUnit = { EUR: '0.005', JPY: '0.5', KWD: '0.0005' }[tariff.currency] ?? '0';
        const exact = parseDecimal(tariff.pricePerMinute);
        const scale = 10n ** 10n * 60n;
        const value = (decimal: string) => (parseDecimal(decimal).numerator * scale) / parseDecimal(decimal).denominator;
        const owed = (exact.numerator * BigInt(billableSeconds) * scale) / (exact.denominator * 60n);
        const off = value(amount) - owed;
        expect((off < 0n ? -off : off) <= value(halfUnit)).toBe(true);
      }),
    );
  });

  test('never falls as time goes on', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 7), fc.nat(10 ** 6), anyTariff, (billableMs, moreMs, tariff) => {
        expect(runningCharge(billableMs + moreMs, tariff).amountMinor).toBeGreaterThanOrEqual(
          runningCharge(billableMs, tariff).amountMinor,
        );
      }),
    );
  });
});
