import { intersect, normalise, totalMs } from './spans.ts';
import type { SpanMs, ViewingRecord } from './viewing-record.ts';

/** What metering looks at of a viewing. */
export type Metered = Pick<ViewingRecord, 'startedMs' | 'endedMs' | 'confirmed' | 'served'>;

/**
 * When a viewing was billable: `[started, ended] ∩ confirmed ∩ served` (DESIGN.md, section 4, "Billable time"), in monotonic
 * milliseconds of its boot. A viewing without a durable receipt has not started and has none; one that lasts counts as far as it
 * has been confirmed and served.
 */
export function billableSpans({ startedMs, endedMs = Number.POSITIVE_INFINITY, confirmed, served }: Metered): SpanMs[] {
  if (startedMs === undefined || endedMs <= startedMs) return [];
  const paidFor = intersect(normalise(confirmed), normalise(served));
  return intersect([{ fromMs: startedMs, toMs: endedMs }], paidFor);
}

/** How long a viewing was billable: whole milliseconds, before any rounding. */
export const billableMs = (viewing: Metered): number => totalMs(billableSpans(viewing));
