import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { affordableMs, capMinor, costMinor } from '../../src/authority/cost.ts';
import { runningCharge } from '../../src/billing/charge.ts';

const tariffs = fc.record({
  pricePerMinute: fc.constantFrom('0', '0.01', '0.10', '0.60', '1.9999', '250'),
  currency: fc.constantFrom('EUR', 'JPY', 'KWD'),
  incrementSeconds: fc.constantFrom(1, 6, 60),
});
const times = fc.array(fc.nat(200_000), { minLength: 1, maxLength: 6 });

describe('what time can add to a bill at most', () => {
  test('is, summed over viewings, no less than the bill for all of them together', () => {
    fc.assert(
      fc.property(tariffs, times, (tariff, viewings) => {
        const billed = runningCharge(
          viewings.reduce((sum, ms) => sum + ms, 0),
          tariff,
        ).amountMinor;
        const counted = viewings.reduce((sum, ms) => sum + costMinor(ms, tariff), 0n);
        expect(counted).toBeGreaterThanOrEqual(billed);
      }),
    );
  });

  test('is exact where nothing is rounded', () => {
    expect(costMinor(20_000, { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 })).toBe(20n);
    expect(costMinor(20_001, { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 })).toBe(21n);
  });

  test('is within an amount for as long as can be afforded, and not for a millisecond longer', () => {
    fc.assert(
      fc.property(tariffs, fc.bigInt({ min: 0n, max: 100_000n }), (tariff, minor) => {
        const ms = affordableMs(minor, tariff);
        if (ms === Number.POSITIVE_INFINITY) {
          expect(costMinor(1e9, tariff)).toBe(0n);
          return;
        }
        expect(costMinor(ms, tariff)).toBeLessThanOrEqual(minor);
        expect(costMinor(ms + 1, tariff)).toBeGreaterThan(minor);
      }),
    );
  });

  test('fits under a cap of which a part of a minor unit is not rounded up', () => {
    expect(capMinor('0.0999', 'EUR')).toBe(9n);
    expect(capMinor('0.09', 'EUR')).toBe(9n);
    expect(capMinor('9.9', 'JPY')).toBe(9n);
  });
});
