import fc from 'fast-check';
import type { Tariff } from '../../src/billing/tariff.ts';
import type { SpanMs, ViewingRecord } from '../../src/billing/viewing-record.ts';

/** 2026-03-01T18:00:00.000Z */
export const EVENING_MS = Date.UTC(2026, 2, 1, 18);

export const euroTariff: Tariff = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };

export const span = (fromMs: number, toMs: number): SpanMs => ({ fromMs, toMs });

/** A viewing of 20 s, all of it confirmed and served, but for what `changes` says. */
export const record = (changes: Partial<ViewingRecord> = {}): ViewingRecord => ({
  viewing: 'viewing-1',
  viewer: 'ada',
  program: 'concert',
  broadcast: 'broadcast-1',
  tariff: euroTariff,
  token: 'token-1',
  wallAnchorMs: EVENING_MS,
  consentedMs: 900,
  startedMs: 1_000,
  endedMs: 21_000,
  endedBy: 'stopped',
  confirmed: [span(1_000, 10_000), span(10_000, 30_000)],
  served: [span(1_000, 21_000)],
  receipts: 2,
  ...changes,
});

/** The same while it lasts. */
export const running = (changes: Partial<ViewingRecord> = {}): ViewingRecord => {
  const { endedMs: _, endedBy: __, ...rest } = record(changes);
  return rest;
};

/** The same before its first receipt is durable. */
export const unstarted = (changes: Partial<ViewingRecord> = {}): ViewingRecord => {
  const { startedMs: _, ...rest } = record({ confirmed: [], served: [], receipts: 0, ...changes });
  return rest;
};

const TIMELINE_MS = 200_000;

/** Spans in any order, overlapping or empty or touching as may be. */
export const anySpans: fc.Arbitrary<SpanMs[]> = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: TIMELINE_MS }), fc.integer({ min: 0, max: 30_000 }))
    .map(([fromMs, ms]) => span(fromMs, fromMs + ms)),
  { maxLength: 12 },
);

export const anyTariff: fc.Arbitrary<Tariff> = fc.record({
  pricePerMinute: fc.tuple(fc.nat(999), fc.nat(9_999)).map(([whole, decimals]) => `${whole}.${decimals}`),
  currency: fc.constantFrom('EUR', 'JPY', 'KWD'),
  incrementSeconds: fc.constantFrom(1, 6, 30, 60, 3_600),
});

export const anyRecord: fc.Arbitrary<ViewingRecord> = fc
  .record({
    viewing: fc.uuid(),
    startedMs: fc.nat(TIMELINE_MS),
    lastedMs: fc.option(fc.nat(TIMELINE_MS)),
    confirmed: anySpans,
    served: anySpans,
  })
  .map(({ lastedMs, ...changes }) =>
    lastedMs === null ? running(changes) : record({ ...changes, endedMs: changes.startedMs + lastedMs }),
  );
