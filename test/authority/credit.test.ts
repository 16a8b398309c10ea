import { describe, expect, test } from '@jest/globals';
import { Credit, type Spender } from '../../src/authority/credit.ts';
import type { ViewingRecord } from '../../src/billing/viewing-record.ts';
import type { LedgerReader } from '../../src/ledger/ledger.ts';
import type { ViewerToken } from '../../src/tokens/viewer-token.ts';

/** A cent a second. */
const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };
const UNREPORTED_MS = 10_000;
const token: ViewerToken = { viewer: 'alice', programs: ['news', 'sport'], id: 't1', cap: '1.00' };

const readerOf = (...records: ViewingRecord[]): LedgerReader => ({
  programs: () => [],
  encryptors: () => [],
  knowsBroadcast: () => false,
  lastEpoch: () => 0,
  viewings: ({ token: id } = {}) => records.filter((record) => record.token === id).values(),
  close: () => undefined,
});

const ended = (billableMs: number, currency = 'EUR'): ViewingRecord => ({
  viewing: `v${billableMs}`,
  viewer: 'alice',
  program: 'news',
  broadcast: 'b1',
  tariff: { ...TARIFF, currency },
  token: 't1',
  wallAnchorMs: 0,
  consentedMs: 0,
  startedMs: 0,
  endedMs: billableMs,
  endedBy: 'stopped',
  confirmed: [{ fromMs: 0, toMs: billableMs }],
  served: [{ fromMs: 0, toMs: billableMs }],
  receipts: 1,
});

const spender = (billableMs: number): Spender & { billableMs: number } => ({ billableMs, terms: { tariff: TARIFF } });

describe('a spending cap', () => {
  test('covers what it covers, to the minor unit', () => {
    const credit = new Credit(readerOf(ended(80_000)), UNREPORTED_MS);
    expect(credit.admits(token, TARIFF, 20_000)).toBe(true);
    expect(credit.admits(token, TARIFF, 20_001)).toBe(false);
  });

  test('is shared by all viewings of the token, ended or under way', () => {
    const credit = new Credit(readerOf(ended(20_000)), UNREPORTED_MS);
    const [first, second] = [spender(0), spender(0)];
    credit.open(token, first);
    credit.open(token, second);
    // 20 s have ended, 10 s of each may be unreported: 60 s are left for both.
    expect(credit.covers(token, first, 60_000)).toBe(true);
    second.billableMs = 30_000;
    expect(credit.covers(token, first, 30_000)).toBe(true);
    expect(credit.covers(token, first, 30_001)).toBe(false);
    credit.close(token, second);
    expect(credit.covers(token, first, 40_000)).toBe(true);
    expect(credit.covers(token, first, 40_001)).toBe(false);
  });

  test('leaves viewings in another currency, and tokens without a cap, alone', () => {
    const credit = new Credit(readerOf(ended(500_000, 'USD')), UNREPORTED_MS);
    expect(credit.admits(token, TARIFF, 100_000)).toBe(true);
    const { cap: _, ...open } = token;
    expect(credit.admits(open, TARIFF, 1e12)).toBe(true);
    expect(credit.covers(open, spender(1e12), 1e12)).toBe(true);
  });
});
