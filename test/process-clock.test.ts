import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, test } from '@jest/globals';
import { processClock } from '../src/process-clock.ts';

test('is the same time in every thread of a process, whenever that began', async () => {
  const clock = processClock();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ processClock }) => {
      const { nowMs, boot, wallAnchorMs } = processClock(workerData.anchor);
      parentPort.on('message', () => parentPort.postMessage({ nowMs: nowMs(), boot, wallAnchorMs }));
      parentPort.postMessage('there');
    });`;
  const module = fileURLToPath(new URL('../src/process-clock.ts', import.meta.url));
  const worker = new Worker(source, { eval: true, workerData: { module, anchor: clock.anchor } });
  await once(worker, 'message');
  for (let time = 0; time < 20; time++) {
    const beforeMs = clock.nowMs();
    worker.postMessage('what time is it');
    const [there] = await once(worker, 'message');
    expect(there).toMatchObject({ boot: clock.boot, wallAnchorMs: clock.wallAnchorMs });
    expect(there.nowMs).toBeGreaterThanOrEqual(beforeMs);
    expect(there.nowMs).toBeLessThanOrEqual(clock.nowMs());
  }
  await worker.terminate();
});

test('counts whole milliseconds from its beginning', async () => {
  const clock = processClock();
  expect(clock.nowMs()).toBeLessThan(50);
  expect(clock.anchor.wallAnchorMs).toBe(clock.wallAnchorMs);
  const fromMs = performance.now();
  const beganMs = clock.nowMs();
  while (performance.now() - fromMs < 20) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(Number.isInteger(clock.nowMs())).toBe(true);
  expect(clock.nowMs() - beganMs).toBeGreaterThanOrEqual(19);
});
