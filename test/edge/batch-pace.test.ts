import { expect, test } from '@jest/globals';
import { BatchPace } from '../../src/edge/batch-pace.ts';

let watchMs = 0;
const paced = (): BatchPace => new BatchPace(100, () => watchMs);

function pass(pace: BatchPace, program: string, passMs: number): void {
  pace.time(program, () => {
    watchMs += passMs;
  });
}

/** So many passes that the mean has come to what each costs. */
function settle(pace: BatchPace, program: string, passMs: number): void {
  for (let count = 0; count < 200; count++) pass(pace, program, passMs);
}

test('holds nothing back while passes cost next to nothing', () => {
  const pace = paced();
  expect(pace.intervalMs).toBe(0);
  settle(pace, 'news', 0.05);
  expect(pace.intervalMs).toBe(0);
});

test('grows in proportion to what a pass costs, up to the limit, and shrinks again', () => {
  const pace = paced();
  settle(pace, 'news', 2);
  expect(pace.intervalMs).toBeCloseTo(25);
  settle(pace, 'news', 4);
  expect(pace.intervalMs).toBeCloseTo(50);
  settle(pace, 'news', 40);
  expect(pace.intervalMs).toBe(100);
  settle(pace, 'news', 0.01);
  expect(pace.intervalMs).toBe(0);
});

test('counts the passes of all programs, until there are no more of one', () => {
  const pace = paced();
  for (let program = 0; program < 25; program++) settle(pace, `program-${program}`, 0.16);
  expect(pace.intervalMs).toBeCloseTo(50);
  for (let program = 0; program < 24; program++) pace.forget(`program-${program}`);
  expect(pace.intervalMs).toBeCloseTo(2);
  pace.forget('program-24');
  expect(pace.intervalMs).toBe(0);
});

test('a pass that was interrupted now and then is no reason to hold chunks back', () => {
  const pace = paced();
  let longestMs = 0;
  for (let count = 0; count < 400; count++) {
    pass(pace, 'news', count % 10 === 9 ? 8 : 0.04);
    longestMs = Math.max(longestMs, pace.intervalMs);
  }
  expect(longestMs).toBeLessThan(6);
  expect(longestMs).toBeGreaterThan(0);
});
