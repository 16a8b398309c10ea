import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatMinor, minorUnitExponent, parseDecimal, roundHalfEven, toMinor } from '../../src/billing/money.ts';
import { parseTariff } from '../../src/billing/parse-tariff.ts';

describe('money', () => {
  test.each([
    ['JPY', 0, '20'],
    ['EUR', 2, '0.20'],
    ['KWD', 3, '0.020'],
    ['CLF', 4, '0.0020'],
  ])('%s has %i decimals and writes 20 minor units as %s', (currency, exponent, text) => {
    expect(minorUnitExponent(currency)).toBe(exponent);
    expect(formatMinor(20n, currency)).toBe(text);
  });

  test.each([
    [0n, '0.00'],
    [5n, '0.05'],
    [100n, '1.00'],
    [123_456_789_012_345_678_901n, '1234567890123456789.01'],
  ])('%i cents are written %s', (minor, text) => {
    expect(formatMinor(minor, 'EUR')).toBe(text);
  });

  test('an unknown currency is named', () => {
    expect(() => minorUnitExponent('EURO')).toThrow('"EURO" is not a currency');
  });

  test.each(['', '1,5', '-1', '1.', '.5', '1e3', ' 1', '0x1'])('"%s" is not a decimal', (text) => {
    expect(() => parseDecimal(text)).toThrow('is not a decimal such as 0.60');
  });

  test('a decimal is exact', () => {
    expect(parseDecimal('0.10')).toEqual({ numerator: 10n, denominator: 100n });
  });

  test('writing and reading an amount gives the same amount', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.constantFrom('JPY', 'EUR', 'KWD', 'CLF'), (minor, currency) => {
        expect(toMinor(parseDecimal(formatMinor(minor, currency)), currency)).toBe(minor);
      }),
    );
  });
});

describe('rounding', () => {
  test.each([
    ['0.005', 0n],
    ['0.015', 2n],
    ['0.025', 2n],
    ['0.0250000001', 3n],
    ['0.0349999999', 3n],
  ])('takes %s EUR to %i cents', (decimal, cents) => {
    expect(toMinor(parseDecimal(decimal), 'EUR')).toBe(cents);
  });

  test('goes to the nearest whole number, and to the even one from half way', () => {
    const positive = fc.bigInt({ min: 1n, max: 10n ** 12n });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), positive, (numerator, denominator) => {
        const rounded = roundHalfEven({ numerator, denominator });
        const twiceOff = 2n * (rounded * denominator - numerator);
        expect(twiceOff <= denominator && -twiceOff <= denominator).toBe(true);
        if (twiceOff === denominator || -twiceOff === denominator) expect(rounded % 2n).toBe(0n);
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n }), positive, (whole, half) => {
        const rounded = roundHalfEven({ numerator: (2n * whole + 1n) * half, denominator: 2n * half });
        expect(rounded).toBe(whole % 2n === 0n ? whole : whole + 1n);
      }),
    );
  });
});

describe('a tariff on the command line', () => {
  test('is priced by the second unless it says otherwise', () => {
    expect(parseTariff({ price: '0.60', currency: 'EUR' })).toEqual({
      pricePerMinute: '0.60',
      currency: 'EUR',
      incrementSeconds: 1,
    });
  });

  test('names everything that is wrong with it', () => {
    expect(() => parseTariff({ price: '0,60', currency: 'eur', increment: '1.5' })).toThrow(
      'price "0,60" is not a decimal such as 0.60; currency "eur" is not an ISO 4217 code such as EUR; ' +
        'increment "1.5" is not a number of seconds from 1 to 86400',
    );
  });
});
