import { minorUnitExponent, parseDecimal } from '../billing/money.ts';
import type { Tariff } from '../billing/tariff.ts';

/**
 * The most, in the currency's minor unit, that one viewing's time (whole milliseconds) can add to a bill. A bill rounds the sum of a
 * viewer's viewings, once; here each is rounded up by itself, so that no sum of these is ever less than what is billed.
 */
export function costMinor(ms: number, tariff: Tariff): bigint {
  const { numerator, denominator } = minorPerIncrement(tariff);
  const increments = BigInt(Math.ceil(ms / (tariff.incrementSeconds * 1_000)));
  return (increments * numerator + denominator - 1n) / denominator;
}

/** The longest time (milliseconds) whose `costMinor` is no more than an amount; infinite where it costs nothing. */
export function affordableMs(minor: bigint, tariff: Tariff): number {
  const { numerator, denominator } = minorPerIncrement(tariff);
  if (minor < 0n) return 0;
  if (numerator === 0n) return Number.POSITIVE_INFINITY;
  return Number((minor * denominator) / numerator) * tariff.incrementSeconds * 1_000;
}

/** A cap in whole minor units: what is left of one does not pay for anything. */
export function capMinor(cap: string, currency: string): bigint {
  const { numerator, denominator } = parseDecimal(cap);
  return (numerator * 10n ** BigInt(minorUnitExponent(currency))) / denominator;
}

function minorPerIncrement({ pricePerMinute, currency, incrementSeconds }: Tariff) {
  const { numerator, denominator } = parseDecimal(pricePerMinute);
  return {
    numerator: numerator * BigInt(incrementSeconds) * 10n ** BigInt(minorUnitExponent(currency)),
    denominator: denominator * 60n,
  };
}
