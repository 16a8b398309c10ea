import type { SpanMs } from './viewing-record.ts';

/**
 * Arithmetic on spans of time: half-open `[fromMs, toMs)`, so that two that touch share no millisecond. What these return is
 * normal: in ascending order, none empty, none touching the next.
 */

/** The time that any of the spans covers, counted once. */
export function normalise(spans: readonly SpanMs[]): SpanMs[] {
  const sorted = spans.filter(({ fromMs, toMs }) => fromMs < toMs).sort((a, b) => a.fromMs - b.fromMs);
  const result: SpanMs[] = [];
  for (const span of sorted) {
    const last = result.at(-1);
    if (last === undefined || last.toMs < span.fromMs) result.push(span);
    else if (last.toMs < span.toMs) result[result.length - 1] = { fromMs: last.fromMs, toMs: span.toMs };
  }
  return result;
}

/** The time that both cover. Both must be normal. */
export function intersect(a: readonly SpanMs[], b: readonly SpanMs[]): SpanMs[] {
  const result: SpanMs[] = [];
  let left = a[0];
  let right = b[0];
  for (let i = 0, j = 0; left !== undefined && right !== undefined; ) {
    const fromMs = Math.max(left.fromMs, right.fromMs);
    const toMs = Math.min(left.toMs, right.toMs);
    if (fromMs < toMs) result.push({ fromMs, toMs });
    // Whichever ends first meets nothing more of the other.
    if (left.toMs < right.toMs) left = a[++i];
    else right = b[++j];
  }
  return result;
}

/** How long normal spans last together, in milliseconds. */
export const totalMs = (spans: readonly SpanMs[]): number => spans.reduce((sum, { fromMs, toMs }) => sum + (toMs - fromMs), 0);
