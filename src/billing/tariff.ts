import * as z from 'zod';

/** A price per time (DESIGN.md, section 4, "Billable time"). */
export const Tariff = z.strictObject({
  /** Decimal in the currency's major unit, such as "0.60"; exact, never a float. */
  pricePerMinute: z.string().regex(/^(0|[1-9]\d{0,8})(\.\d{1,9})?$/, 'a decimal such as 0.60'),
  /** ISO 4217. Whether there is such a currency is asked where a tariff is made (parse-tariff.ts): browsers need no list of them. */
  currency: z.string().regex(/^[A-Z]{3}$/, 'an ISO 4217 code such as EUR'),
  /** Billable time is rounded up, once, to a whole multiple of this. */
  incrementSeconds: z.int().min(1).max(86_400),
});

export type Tariff = z.infer<typeof Tariff>;

export const sameTariff = (a: Tariff, b: Tariff): boolean =>
  a.pricePerMinute === b.pricePerMinute && a.currency === b.currency && a.incrementSeconds === b.incrementSeconds;
