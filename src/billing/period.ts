import { z } from 'zod';
import { TollcastError } from '../errors.ts';

/** Wall-clock milliseconds since 1970, `fromMs` included, `toMs` not; a bound that is absent bounds nothing. */
export interface Period {
  readonly fromMs?: number;
  readonly toMs?: number;
}

const IsoDate = z.iso.date();
const IsoDateTime = z.union([
  z.iso.datetime({ offset: true, local: true }),
  z.iso.datetime({ offset: true, local: true, precision: -1 }), // without seconds
]);
const endsInZone = /(Z|[+-]\d\d:\d\d)$/;

/** An ISO 8601 date, which is its midnight in UTC, or date-time, in UTC unless it says otherwise. Throws code `invalid-date`. */
export function parseInstant(text: string): number {
  if (IsoDate.safeParse(text).success) return Date.parse(`${text}T00:00:00Z`);
  if (IsoDateTime.safeParse(text).success) return Date.parse(endsInZone.test(text) ? text : `${text}Z`);
  throw new TollcastError('invalid-date', `"${text}" is not a date: write 2026-01-31, or 2026-01-31T18:00:00Z`);
}

/** The period between two dates as an operator writes them. Throws codes `invalid-date` and `empty-period`. */
export function parsePeriod(from?: string, to?: string): Period {
  const period: Period = {
    ...(from === undefined ? {} : { fromMs: parseInstant(from) }),
    ...(to === undefined ? {} : { toMs: parseInstant(to) }),
  };
  if (period.fromMs !== undefined && period.toMs !== undefined && period.toMs <= period.fromMs) {
    throw new TollcastError('empty-period', `The period from ${from} to ${to} is empty: "to" is the first instant after it`);
  }
  return period;
}

export const isWithin = (atMs: number, { fromMs, toMs }: Period): boolean =>
  (fromMs === undefined || fromMs <= atMs) && (toMs === undefined || atMs < toMs);
