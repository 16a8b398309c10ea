import { describe, expect, test } from '@jest/globals';
import { parseInstant, parsePeriod } from '../../src/billing/period.ts';
import { charges, Totals } from '../../src/billing/statement.ts';
import { EVENING_MS, euroTariff, record, unstarted } from './records.ts';

const DAY_MS = 86_400_000;

describe('a statement', () => {
  test('has one charge for each viewer, broadcast and tariff', () => {
    const dearer = { ...euroTariff, pricePerMinute: '1.20' };
    const list = [
      ...charges([
        record({ viewing: '1', viewer: 'ada' }),
        record({ viewing: '2', viewer: 'ada', tariff: dearer }),
        record({ viewing: '3', viewer: 'ada' }),
        record({ viewing: '4', viewer: 'ada', broadcast: 'broadcast-2' }),
        record({ viewing: '5', viewer: 'bob', broadcast: 'broadcast-2' }),
      ]),
    ];
    expect(
      list.map(({ viewer, broadcast, amount, viewings }) => [viewer, broadcast, amount, viewings.map(({ viewing }) => viewing)]),
    ).toEqual([
      ['ada', 'broadcast-1', '0.40', ['1', '3']],
      ['ada', 'broadcast-1', '0.40', ['2']],
      ['ada', 'broadcast-2', '0.20', ['4']],
      ['bob', 'broadcast-2', '0.20', ['5']],
    ]);
  });

  test('leaves out who never held a key', () => {
    expect([...charges([unstarted()])]).toEqual([]);
  });

  test('of one period after another bills each charge once, and whole', () => {
    const late = record({ viewing: 'late', startedMs: DAY_MS, endedMs: DAY_MS + 5_000 });
    const viewings = [record(), late, record({ viewer: 'bob', startedMs: DAY_MS })];
    const midnight = parseInstant('2026-03-02');
    const before = [...charges(viewings, { toMs: midnight })];
    const after = [...charges(viewings, { fromMs: midnight })];
    expect(before.map(({ viewer, viewings }) => [viewer, viewings.length])).toEqual([['ada', 2]]);
    expect(after.map(({ viewer }) => viewer)).toEqual(['bob']);
  });

  test('includes the first instant of its period and not the one after its last', () => {
    const startedAtMs = EVENING_MS + 1_000;
    const count = (fromMs: number, toMs: number) => [...charges([record()], { fromMs, toMs })].length;
    expect(count(startedAtMs, startedAtMs + 1)).toBe(1);
    expect(count(startedAtMs - 1, startedAtMs)).toBe(0);
    expect(count(startedAtMs + 1, startedAtMs + 2)).toBe(0);
  });

  test('reads no further than it must to give the next charge', () => {
    let read = 0;
    function* endless() {
      for (;;) {
        read++;
        yield record({ viewer: `viewer-${read}` });
      }
    }
    charges(endless()).next();
    expect(read).toBe(2);
  });

  test('adds up each currency for itself', () => {
    const yen = { pricePerMinute: '60', currency: 'JPY', incrementSeconds: 1 };
    const totals = new Totals();
    for (const charge of charges([record({ tariff: yen }), record({ viewer: 'bob' }), record({ viewer: 'cy' })]))
      totals.add(charge);
    expect(totals.list()).toEqual([
      { currency: 'EUR', charges: 2, amountMinor: 40n, amount: '0.40' },
      { currency: 'JPY', charges: 1, amountMinor: 20n, amount: '20' },
    ]);
  });
});

describe('a date', () => {
  test.each([
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2026-01-31T18:00:00', '2026-01-31T18:00:00.000Z'],
    ['2026-01-31T18:00Z', '2026-01-31T18:00:00.000Z'],
    ['2026-01-31T18:00:00.250+01:00', '2026-01-31T17:00:00.250Z'],
    ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ])('%s is %s', (text, iso) => {
    expect(new Date(parseInstant(text)).toISOString()).toBe(iso);
  });

  test.each(['', 'yesterday', '2026', '2026-02-30', '2026-1-1', '01/02/2026', '1767225600', '2026-01-31T25:00:00Z'])(
    '"%s" is refused with an example of what to write',
    (text) => {
      expect(() => parseInstant(text)).toThrow(`"${text}" is not a date: write 2026-01-31`);
    },
  );

  test('may bound a period on either side', () => {
    expect(parsePeriod()).toEqual({});
    expect(parsePeriod('2026-01-01')).toEqual({ fromMs: Date.UTC(2026, 0) });
    expect(parsePeriod(undefined, '2026-02-01')).toEqual({ toMs: Date.UTC(2026, 1) });
  });

  test.each([
    ['2026-01-01', '2026-01-01'],
    ['2026-02-01', '2026-01-01'],
  ])('from %s to %s is no period', (from, to) => {
    expect(() => parsePeriod(from, to)).toThrow('is empty');
  });
});
