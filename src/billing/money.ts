import currencyCodes from 'currency-codes';
import { TollcastError } from '../errors.ts';

/** An exact number; `denominator` is positive. */
export interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** ISO 4217's exponent of each currency: EUR 2, JPY 0, KWD 3. */
const exponents = new Map(currencyCodes.data.map(({ code, digits }) => [code, digits]));

export const isCurrency = (code: string): boolean => exponents.has(code);

/** How many decimals a currency's minor unit has. Throws code `unknown-currency`. */
export function minorUnitExponent(currency: string): number {
  const exponent = exponents.get(currency);
  if (exponent === undefined) {
    throw new TollcastError('unknown-currency', `"${currency}" is not a currency: use an ISO 4217 code such as EUR`);
  }
  return exponent;
}

/** The exact value of a decimal such as "0.60", not negative. Throws code `invalid-decimal`. */
export function parseDecimal(decimal: string): Fraction {
  const [, whole, decimals = ''] = /^(\d+)(?:\.(\d+))?$/.exec(decimal) ?? [];
  if (whole === undefined) throw new TollcastError('invalid-decimal', `"${decimal}" is not a decimal such as 0.60`);
  return { numerator: BigInt(whole + decimals), denominator: 10n ** BigInt(decimals.length) };
}

/** The nearest whole number; of two that are equally near, the even one. The fraction must not be negative. */
export function roundHalfEven({ numerator, denominator }: Fraction): bigint {
  const floor = numerator / denominator;
  const twiceRest = 2n * (numerator % denominator);
  if (twiceRest < denominator || (twiceRest === denominator && floor % 2n === 0n)) return floor;
  return floor + 1n;
}

/** An exact amount in a currency's major unit, rounded once, half to even, to its minor unit. */
export function toMinor({ numerator, denominator }: Fraction, currency: string): bigint {
  return roundHalfEven({ numerator: numerator * 10n ** BigInt(minorUnitExponent(currency)), denominator });
}

/** An amount in minor units, not negative, as a decimal in the major unit with all its decimals: EUR 20 is "0.20", JPY 20 is "20". */
export function formatMinor(amountMinor: bigint, currency: string): string {
  const exponent = minorUnitExponent(currency);
  const digits = amountMinor.toString().padStart(exponent + 1, '0');
  return exponent === 0 ? digits : `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}
