import { setImmediate } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Slices } from '../src/slices.ts';

/** Keeps the thread. */
function busy(forMs: number): void {
  const untilMs = performance.now() + forMs;
  while (performance.now() < untilMs);
}

test('what is little is done at once', async () => {
  const slices = new Slices(1_000);
  const done: number[] = [];
  const jobs = [1, 2, 3].map((job) => slices.run(() => done.push(job)));
  expect(done).toEqual([1, 2, 3]);
  expect(await Promise.all(jobs)).toEqual([1, 2, 3]);
});

test('what is much leaves the thread to others after each slice, and keeps its order', async () => {
  const slices = new Slices(5);
  const done: number[] = [];
  const jobs = Array.from({ length: 20 }, (_, job) =>
    slices.run(() => {
      busy(2);
      done.push(job);
    }),
  );
  const perTurn: number[] = [done.length];
  while (done.length < 20) {
    const before = done.length;
    await setImmediate();
    perTurn.push(done.length - before);
  }
  await Promise.all(jobs);
  expect(done).toEqual(Array.from({ length: 20 }, (_, job) => job));
  // Jobs of 2 ms in slices of 5: the third is the last.
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(3);
});

test('one that fails is its own matter, in whatever slice it is', async () => {
  const slices = new Slices(0);
  const failing = () => {
    throw new Error('a wrong receipt');
  };
  const [first, failed, last] = await Promise.allSettled([slices.run(() => 1), slices.run(failing), slices.run(() => 3)]);
  expect([first, last]).toEqual([1, 3].map((value) => ({ status: 'fulfilled', value })));
  expect(failed).toMatchObject({ status: 'rejected', reason: new Error('a wrong receipt') });
});
