import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { billableMs, billableSpans } from '../../src/billing/metering.ts';
import { intersect, normalise, totalMs } from '../../src/billing/spans.ts';
import type { SpanMs } from '../../src/billing/viewing-record.ts';
import { anyRecord, anySpans, record, running, span, unstarted } from './records.ts';

const covers = (spans: readonly SpanMs[], atMs: number): boolean =>
  spans.some(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs);

describe('spans', () => {
  test('normal ones cover the same instants, in order, apart and not empty', () => {
    fc.assert(
      fc.property(anySpans, fc.nat(230_000), (spans, atMs) => {
        const normal = normalise(spans);
        expect(covers(normal, atMs)).toBe(covers(spans, atMs));
        let end = -1;
        for (const { fromMs, toMs } of normal) {
          expect(fromMs).toBeGreaterThan(end);
          expect(toMs).toBeGreaterThan(fromMs);
          end = toMs;
        }
      }),
    );
  });

  test('an intersection covers the instants that both cover, and is normal again', () => {
    fc.assert(
      fc.property(anySpans, anySpans, fc.nat(230_000), (a, b, atMs) => {
        const both = intersect(normalise(a), normalise(b));
        expect(covers(both, atMs)).toBe(covers(a, atMs) && covers(b, atMs));
        expect(normalise(both)).toEqual(both);
      }),
    );
  });

  test('that touch become one', () => {
    expect(normalise([span(5, 9), span(0, 5)])).toEqual([span(0, 9)]);
  });
});

describe('billable time', () => {
  test('is what is viewed, confirmed and served at once', () => {
    const viewing = record({
      startedMs: 1_000,
      endedMs: 20_000,
      confirmed: [span(500, 10_000), span(12_000, 25_000)],
      served: [span(0, 5_000), span(9_000, 13_000), span(18_000, 30_000)],
    });
    expect(billableSpans(viewing)).toEqual([span(1_000, 5_000), span(9_000, 10_000), span(12_000, 13_000), span(18_000, 20_000)]);
    expect(billableMs(viewing)).toBe(8_000);
  });

  test('of a viewing that lasts is what has been confirmed and served so far', () => {
    expect(billableMs(running({ confirmed: [span(1_000, 15_000)], served: [span(1_000, 14_200)] }))).toBe(13_200);
  });

  test('is none before a receipt is durable', () => {
    expect(billableMs(unstarted({ confirmed: [span(0, 9_000)], served: [span(0, 9_000)] }))).toBe(0);
  });

  test('is none when the end lies before the start', () => {
    expect(billableMs(record({ startedMs: 5_000, endedMs: 4_000 }))).toBe(0);
  });

  test('counts an instant once, however often it was confirmed or reported as served', () => {
    expect(
      billableMs(record({ confirmed: [span(0, 30_000), span(2_000, 9_000)], served: [span(1_000, 8_000), span(1_000, 8_000)] })),
    ).toBe(7_000);
  });

  test('never exceeds the viewing, the confirmed time or the served time', () => {
    fc.assert(
      fc.property(anyRecord, (viewing) => {
        const ms = billableMs(viewing);
        const lastedMs = (viewing.endedMs ?? Number.POSITIVE_INFINITY) - (viewing.startedMs ?? 0);
        expect(ms).toBeLessThanOrEqual(lastedMs);
        expect(ms).toBeLessThanOrEqual(totalMs(normalise(viewing.confirmed)));
        expect(ms).toBeLessThanOrEqual(totalMs(normalise(viewing.served)));
      }),
    );
  });

  test('does not depend on the order in which spans were ledgered', () => {
    fc.assert(
      fc.property(anyRecord, (viewing) => {
        const reversed = { ...viewing, confirmed: viewing.confirmed.toReversed(), served: viewing.served.toReversed() };
        expect(billableSpans(reversed)).toEqual(billableSpans(viewing));
      }),
    );
  });
});
