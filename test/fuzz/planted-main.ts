import { fuzzCommand } from './command.ts';
import type { FuzzTarget } from './target.ts';

/** The command on targets with a fault in them. */

const FAULTY_INPUT = 0.01;

const planted = (name: string, fault: () => void | Promise<void>): FuzzTarget => ({
  name,
  description: 'fails at one input in a hundred',
  open: async () => ({
    input: (random) => (random.chance(FAULTY_INPUT) ? fault() : undefined),
    outcomes: new Map([['looked at', 1]]),
    close: async () => undefined,
  }),
});

await fuzzCommand([
  planted('throws', () => {
    throw new Error('planted');
  }),
  planted('rejects', () => Promise.reject(new Error('planted'))),
  planted('rejects-unseen', () => void Promise.reject(new Error('planted'))),
  planted('throws-unseen', () => {
    process.nextTick(() => {
      throw new Error('planted');
    });
  }),
  planted('dawdles', () => {
    const cpuMs = () => (process.threadCpuUsage().user + process.threadCpuUsage().system) / 1_000;
    for (const before = cpuMs(); cpuMs() < before + 1_200; );
  }),
  planted('hangs', () => {
    for (;;);
  }),
  planted('never-answers', () => new Promise(() => setInterval(() => undefined, 1_000))),
  planted('holds', () => undefined),
]);
