import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Comer, expectedMs, firstPace, mayBegin, PACE, type Pace, stepPace } from '../../src/control/admission-pace.ts';

const comer = fc.constantFrom<Comer>('newcomer', 'established');
const event = fc.oneof(
  fc.record({ type: fc.constant('began' as const), comer }),
  fc.record({ type: fc.constant('over' as const), comer, refused: fc.boolean() }),
  fc.record({
    type: fc.constant('measured' as const),
    lateMs: fc.integer({ min: 0, max: 300 }),
    ledgerWaiting: fc.integer({ min: 0, max: 5_000 }),
    waiting: fc.nat(10_000),
  }),
);

/** Measures so often, each time with the same outcome. */
function measured(pace: Pace, times: number, now: { lateMs?: number; ledgerWaiting?: number; waiting?: number }): Pace {
  const { lateMs = 0, ledgerWaiting = 0, waiting = 0 } = now;
  for (let time = 0; time < times; time++)
    pace = stepPace(pace, { type: 'measured', lateMs, ledgerWaiting, waiting }, pace.atMs + 50);
  return pace;
}

/** A crowd that never ends, of which one begins whenever it may and is done at once. */
function crowd(pace: Pace, forMs: number, lateMs: (nowMs: number) => number): { pace: Pace; begun: number } {
  let begun = 0;
  const endMs = pace.atMs + forMs;
  for (let nowMs = pace.atMs; nowMs < endMs; nowMs++) {
    if (nowMs % 50 === 0)
      pace = stepPace(pace, { type: 'measured', lateMs: lateMs(nowMs), ledgerWaiting: 0, waiting: 1_000 }, nowMs);
    while (mayBegin(pace, 'newcomer', nowMs)) {
      pace = stepPace(pace, { type: 'began', comer: 'newcomer' }, nowMs);
      pace = stepPace(pace, { type: 'over', comer: 'newcomer', refused: false }, nowMs);
      begun++;
    }
  }
  return { pace, begun };
}

describe('the pace at which newcomers are let in', () => {
  test('stays within its bounds, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.nat(500)), { maxLength: 200 }), (events) => {
        let pace = firstPace(0);
        let nowMs = 0;
        for (const [event, afterMs] of events) {
          nowMs += afterMs;
          pace = stepPace(pace, event, nowMs);
          expect(pace.perSecond).toBeGreaterThanOrEqual(PACE.leastPerSecond);
          expect(pace.perSecond).toBeLessThanOrEqual(PACE.mostPerSecond);
          expect(pace.turns).toBeLessThanOrEqual(Math.max(1, (pace.perSecond * PACE.keptMs) / 1_000));
          expect(pace.underWay).toBeGreaterThanOrEqual(0);
          expect(expectedMs(pace, 0)).toBeGreaterThan(0);
        }
      }),
    );
  });

  test('falls by a part with each late measurement, of the loop or of the ledger, down to the least', () => {
    for (const bad of [{ lateMs: PACE.lateMs + 1 }, { ledgerWaiting: PACE.ledgerWaiting + 1 }]) {
      expect(measured(firstPace(0), 1, bad).perSecond).toBeCloseTo(PACE.firstPerSecond * PACE.fallTo);
      expect(measured(firstPace(0), 100, bad).perSecond).toBe(PACE.leastPerSecond);
    }
  });

  test('falls at once as far as it would have in the time that the process stood still', () => {
    const { lateMs, everyMs, firstPerSecond, fallTo } = PACE;
    expect(measured(firstPace(0), 1, { lateMs: lateMs + 4 * everyMs }).perSecond).toBeCloseTo(firstPerSecond * fallTo ** 5);
    expect(measured(firstPace(0), 5, { lateMs: lateMs + 1 }).perSecond).toBeCloseTo(firstPerSecond * fallTo ** 5);
  });

  test('recovers when the process does, and by itself no further than where it began', () => {
    const fallen = measured(firstPace(0), 100, { lateMs: 120 });
    expect(measured(fallen, 1, {}).perSecond).toBe(PACE.leastPerSecond + PACE.raisePerSecond);
    expect(measured(fallen, 1_000, {}).perSecond).toBe(PACE.firstPerSecond);
  });

  test('rises above that while newcomers wait for nothing else, to the most', () => {
    const tried = crowd(firstPace(0), 60_000, () => 0);
    expect(tried.pace.perSecond).toBe(PACE.mostPerSecond);
    const others = { ...firstPace(0), underWay: PACE.mostUnderWay };
    expect(measured(others, 100, { waiting: 1_000 }).perSecond).toBe(PACE.firstPerSecond);
  });

  test('never starves newcomers, however late the process is', () => {
    const { begun } = crowd(measured(firstPace(0), 100, { lateMs: 1_000 }), 10_000, () => 1_000);
    expect(begun).toBeGreaterThanOrEqual(10 * PACE.leastPerSecond);
    expect(begun).toBeLessThanOrEqual(10 * PACE.leastPerSecond + 1);
  });

  test('finds what the process can do: late above 500 a second, it is kept near that', () => {
    let rate = 0;
    const { pace } = crowd(firstPace(0), 20_000, () => (rate > 500 ? 120 : 0));
    rate = pace.perSecond;
    let current = pace;
    const rates: number[] = [];
    for (let time = 0; time < 400; time++) {
      ({ pace: current } = crowd(current, 50, () => (rate > 500 ? 120 : 0)));
      rate = current.perSecond;
      rates.push(rate);
    }
    const settled = rates.slice(100);
    expect(Math.max(...settled)).toBeLessThanOrEqual(500 + PACE.raisePerSecond);
    expect(settled.reduce((sum, each) => sum + each) / settled.length).toBeGreaterThan(400);
  });

  test('lets in no more than it says over any time', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 20, maxLength: 100 }), (lateness) => {
        let pace = firstPace(0);
        let [begun, allowed] = [0, PACE.firstPerSecond * (PACE.keptMs / 1_000)];
        for (const lateMs of lateness) {
          const step = crowd(pace, 50, () => lateMs);
          allowed += step.pace.perSecond * 0.05;
          begun += step.begun;
          pace = step.pace;
        }
        expect(begun).toBeLessThanOrEqual(allowed + 1);
      }),
      { numRuns: 30 },
    );
  });

  test('bounds what is under way, of those who resume as well, whom the rate does not concern', () => {
    const spent = { ...firstPace(0), turns: 0 };
    expect([mayBegin(spent, 'newcomer', 0), mayBegin(spent, 'established', 0)]).toEqual([false, true]);
    const busy = { ...firstPace(0), underWay: PACE.mostUnderWay };
    expect([mayBegin(busy, 'newcomer', 0), mayBegin(busy, 'established', 0)]).toEqual([false, false]);
  });

  test('gives the turn of one that was refused to another', () => {
    let pace: Pace = { ...firstPace(0), turns: 1 };
    pace = stepPace(pace, { type: 'began', comer: 'newcomer' }, 0);
    expect(mayBegin(pace, 'newcomer', 0)).toBe(false);
    expect(mayBegin(stepPace(pace, { type: 'over', comer: 'newcomer', refused: true }, 0), 'newcomer', 0)).toBe(true);
    expect(mayBegin(stepPace(pace, { type: 'over', comer: 'newcomer', refused: false }, 0), 'newcomer', 0)).toBe(false);
  });

  test('does not rise for those who are refused, however many they are, and does for those who are let in among them', () => {
    // So few are kept that those who are under way together use them up.
    const rules = { ...PACE, firstPerSecond: 50 };
    const among = (letInOf: number) => {
      let pace = firstPace(0, rules);
      let came = 0;
      for (let nowMs = 1; nowMs <= 20_000; nowMs++) {
        if (nowMs % 50 === 0)
          pace = stepPace(pace, { type: 'measured', lateMs: 0, ledgerWaiting: 0, waiting: 1_000 }, nowMs, rules);
        while (mayBegin(pace, 'newcomer', nowMs, rules))
          pace = stepPace(pace, { type: 'began', comer: 'newcomer' }, nowMs, rules);
        while (pace.underWay > 0)
          pace = stepPace(pace, { type: 'over', comer: 'newcomer', refused: ++came % letInOf !== 0 }, nowMs, rules);
      }
      return pace.perSecond;
    };
    expect(among(Number.POSITIVE_INFINITY)).toBe(rules.firstPerSecond);
    expect(among(2)).toBe(PACE.mostPerSecond);
  });

  test('lets one who comes alone begin at once, and expects what it sees', () => {
    const slow = measured(firstPace(0), 100, { lateMs: 120 });
    expect(mayBegin(slow, 'newcomer', slow.atMs + 100)).toBe(true);
    const { pace, begun } = crowd(firstPace(0), 5_000, () => 0);
    expect(expectedMs(firstPace(0), 199)).toBe(1_000);
    // It rose meanwhile: what is seen lies between the average and the newest.
    const seen = 1_000_000 / expectedMs(pace, 999);
    expect(seen).toBeGreaterThan(begun / 5);
    expect(seen).toBeLessThanOrEqual(pace.perSecond);
  });
});
