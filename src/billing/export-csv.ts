import { stringify } from 'csv-stringify/sync';
import type { Charge } from './charge.ts';
import { isoTime } from './iso-time.ts';

/** In this order; accounting systems are set up by position as well as by name. */
const COLUMNS = [
  'viewer',
  'program',
  'broadcast',
  'viewings',
  'started_at',
  'ended_at',
  'ended_by',
  'billable_seconds',
  'currency',
  'price_per_minute',
  'amount',
] as const;

const ROWS_AT_ONCE = 256;

/** A header and a row for each charge (RFC 4180, but lines end with LF, as tools on Unix expect). */
export function* csvLines(charges: Iterable<Charge>): Generator<string> {
  yield encodeRows([COLUMNS]);
  let rows: (readonly string[])[] = [];
  for (const charge of charges) {
    rows.push(rowOf(charge));
    if (rows.length === ROWS_AT_ONCE) {
      yield encodeRows(rows);
      rows = [];
    }
  }
  if (rows.length > 0) yield encodeRows(rows);
}

/**
 * Viewers' names come from tokens of other systems, and a spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, a tab or a
 * carriage return as a formula; a leading apostrophe makes it text (OWASP, "CSV Injection").
 */
const encodeRows = (rows: readonly (readonly string[])[]): string => stringify([...rows], { escape_formulas: true });

const rowOf = (charge: Charge): readonly string[] => [
  charge.viewer,
  charge.program,
  charge.broadcast,
  String(charge.viewings.length),
  isoTime(charge.startedAtMs),
  charge.endedAtMs === undefined ? '' : isoTime(charge.endedAtMs),
  charge.endedBy,
  String(charge.billableSeconds),
  charge.tariff.currency,
  charge.tariff.pricePerMinute,
  charge.amount,
];
