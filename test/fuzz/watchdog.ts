import { Worker } from 'node:worker_threads';

const IDLE = -1;
const LOOKS_A_LIMIT = 10;

/**
 * A thread that ends the process if one input takes too long: the thread that is stuck in it can do nothing more. It says which
 * input that is, by `command` with the input's number after it, on stderr.
 */
export class Watchdog {
  readonly #input = new Int32Array(new SharedArrayBuffer(4)).fill(IDLE);
  readonly #worker: Worker;

  constructor(limitMs: number, command: string) {
    this.#worker = new Worker(WATCH, { eval: true, workerData: { input: this.#input, limitMs, command } });
    this.#worker.unref();
  }

  watch(index: number): void {
    this.#input[0] = index;
  }

  idle(): void {
    this.#input[0] = IDLE;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Counts its own looks: while the whole process gets no turn, nothing hangs. */
const WATCH = `
const { writeSync } = require('node:fs');
const { workerData: { input, limitMs, command } } = require('node:worker_threads');
let last = ${IDLE};
let looks = 0;
setInterval(() => {
  const now = Atomics.load(input, 0);
  looks = now === last && now !== ${IDLE} ? looks + 1 : 0;
  last = now;
  if (looks < ${LOOKS_A_LIMIT}) return;
  writeSync(2, '\\ninput ' + last + ' does not end; again: ' + command + last + '\\n');
  process.kill(process.pid, 'SIGKILL');
}, limitMs / ${LOOKS_A_LIMIT});
`;
