import { setImmediate } from 'node:timers';

/** Longest stretch that a thread works at these jobs at once; the last job of it may end later. */
const SLICE_MS = 2;

interface Waiting {
  run(): void;
}

/**
 * Work that is done at once where it is little, and in slices where it is much: between two of them the thread's other events have their
 * turn, chunks of media among them. A signature takes some 50 µs: 200 receipts that are there together kept the thread for 11 ms (with
 * jose, and the signatures in other threads, as long), and in slices for 2. In the order in which it was given.
 */
export class Slices {
  readonly #sliceMs: number;
  #waiting: Waiting[] = [];
  /** Of this turn of the event loop; undefined until its first job. */
  #untilMs: number | undefined;

  constructor(sliceMs = SLICE_MS) {
    this.#sliceMs = sliceMs;
  }

  /** @returns what the job returns; rejects with what it throws */
  run<T>(job: () => T): Promise<T> {
    if (this.#waiting.length === 0 && this.#hasTime()) return settled(job);
    return new Promise((resolve) => this.#waiting.push({ run: () => resolve(settled(job)) }));
  }

  #hasTime(): boolean {
    if (this.#untilMs === undefined) {
      this.#untilMs = performance.now() + this.#sliceMs;
      setImmediate(() => this.#turn());
      return true;
    }
    return performance.now() < this.#untilMs;
  }

  #turn(): void {
    this.#untilMs = undefined;
    let done = 0;
    while (done < this.#waiting.length && this.#hasTime()) this.#waiting[done++]?.run();
    this.#waiting.splice(0, done);
  }
}

async function settled<T>(job: () => T): Promise<T> {
  return job();
}
