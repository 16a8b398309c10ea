import type { EndReason } from '../viewing/end-reason.ts';
import { billableMs } from './metering.ts';
import { formatMinor, parseDecimal, toMinor } from './money.ts';
import type { Tariff } from './tariff.ts';
import type { ViewingRecord } from './viewing-record.ts';

/** What a length of billable time costs. */
export interface Price {
  /** The billable time, rounded up once to the tariff's increment. */
  readonly billableSeconds: number;
  /** In the currency's minor unit: `billableSeconds` × price per minute / 60, rounded once, half to even. */
  readonly amountMinor: bigint;
  /** The same as a decimal in the major unit. */
  readonly amount: string;
}

/** A viewing as a line of its charge. Times are wall-clock milliseconds since 1970. */
export interface ChargedViewing {
  readonly viewing: string;
  /** `jti` of the token it was opened with. */
  readonly token: string;
  readonly startedAtMs: number;
  /** Absent while it lasts. */
  readonly endedAtMs?: number;
  readonly endedBy: EndReason | 'running';
  /** Exact: only the charge is rounded. */
  readonly billableMs: number;
  readonly receipts: number;
}

/** What one viewer owes for one broadcast under one tariff (DESIGN.md, section 4, "Charge"). */
export interface Charge extends Price {
  readonly viewer: string;
  readonly program: string;
  readonly broadcast: string;
  readonly tariff: Tariff;
  /** In the order of their starts; at least one. */
  readonly viewings: readonly ChargedViewing[];
  /** First start. */
  readonly startedAtMs: number;
  /** Last end; absent while any viewing lasts. */
  readonly endedAtMs?: number;
  /** By what the viewing that ended last did. */
  readonly endedBy: EndReason | 'running';
  /** Exact sum of the viewings' billable times. */
  readonly billableMs: number;
}

/** What billable time (whole milliseconds, exact) costs so far: for a live display, or to see how far credit goes. */
export function runningCharge(billableMs: number, tariff: Tariff): Price {
  const { currency, incrementSeconds, pricePerMinute } = tariff;
  const billableSeconds = Math.ceil(billableMs / (incrementSeconds * 1000)) * incrementSeconds;
  const { numerator, denominator } = parseDecimal(pricePerMinute);
  const amountMinor = toMinor({ numerator: numerator * BigInt(billableSeconds), denominator: denominator * 60n }, currency);
  return { billableSeconds, amountMinor, amount: formatMinor(amountMinor, currency) };
}

/**
 * The charge for the viewings of one viewer, broadcast and tariff, in whatever order. A viewing that never started is not
 * charged; undefined when none did.
 */
export function chargeOf(records: readonly ViewingRecord[]): Charge | undefined {
  const viewings = records.flatMap((record) => chargedViewing(record) ?? []).sort(inOrderOfStart);
  const [record] = records;
  const [first] = viewings;
  if (record === undefined || first === undefined) return undefined;

  const { viewer, program, broadcast, tariff } = record;
  const exactMs = viewings.reduce((sum, viewing) => sum + viewing.billableMs, 0);
  return {
    viewer,
    program,
    broadcast,
    tariff,
    viewings,
    startedAtMs: first.startedAtMs,
    ...lastEnd(viewings),
    billableMs: exactMs,
    ...runningCharge(exactMs, tariff),
  };
}

function chargedViewing(record: ViewingRecord): ChargedViewing | undefined {
  const { viewing, token, wallAnchorMs, startedMs, endedMs, endedBy, receipts } = record;
  if (startedMs === undefined) return undefined;
  return {
    viewing,
    token,
    startedAtMs: wallAnchorMs + startedMs,
    ...(endedMs === undefined ? {} : { endedAtMs: wallAnchorMs + endedMs }),
    endedBy: endedBy ?? 'running',
    billableMs: billableMs(record),
    receipts,
  };
}

/** Ties are broken by name, so that a charge does not depend on the order in which its viewings were read. */
const inOrderOfStart = (a: ChargedViewing, b: ChargedViewing): number =>
  a.startedAtMs - b.startedAtMs || (a.viewing < b.viewing ? -1 : 1);

function lastEnd(viewings: readonly ChargedViewing[]): Pick<Charge, 'endedAtMs' | 'endedBy'> {
  let last: (Pick<Charge, 'endedAtMs' | 'endedBy'> & { endedAtMs: number }) | undefined;
  for (const { endedAtMs, endedBy } of viewings) {
    if (endedAtMs === undefined) return { endedBy: 'running' };
    if (last === undefined || last.endedAtMs <= endedAtMs) last = { endedAtMs, endedBy };
  }
  return last ?? { endedBy: 'running' };
}
