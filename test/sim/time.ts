import type { Clock, Timers } from '../../src/clock.ts';

interface Event {
  readonly atMs: number;
  /** Of those at the same time, the one that was put on first. */
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Time that passes from one event to the next. */
export class SimTime {
  nowMs = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  at(atMs: number, run: () => void): () => void {
    const event: Event = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, run, cancelled: false };
    this.#push(event);
    return () => {
      event.cancelled = true;
    };
  }

  after(delayMs: number, run: () => void): () => void {
    return this.at(this.nowMs + Math.max(0, Math.ceil(delayMs)), run);
  }

  /** Runs the next event; false if there is none up to then. */
  step(untilMs: number): boolean {
    for (;;) {
      const [next] = this.#heap;
      if (next === undefined || next.atMs > untilMs) {
        this.nowMs = Math.max(this.nowMs, untilMs);
        return false;
      }
      this.#pop();
      if (next.cancelled) continue;
      this.nowMs = next.atMs;
      next.run();
      return true;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(event, heap[parent]); parent = (at - 1) >> 1) {
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

const isBefore = (a: Event | undefined, b: Event | undefined): boolean =>
  a !== undefined && b !== undefined && (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order));

/** A process: a boot with a clock of its own, whose timers die with it. */
export class SimProcess implements Clock, Timers {
  readonly boot: string;
  readonly wallAnchorMs: number;
  readonly #time: SimTime;
  /** When it began, by the time that nobody sees. */
  readonly startedMs: number;
  readonly #driftMs: (sinceMs: number) => number;
  #isAlive = true;

  /** @param driftMs by how much its clock is wrong after so long: a fault */
  constructor(time: SimTime, boot: string, wallAnchorMs: number, driftMs: (sinceMs: number) => number = () => 0) {
    this.#time = time;
    this.boot = boot;
    this.wallAnchorMs = wallAnchorMs;
    this.startedMs = time.nowMs;
    this.#driftMs = driftMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  kill(): void {
    this.#isAlive = false;
  }

  nowMs(): number {
    const sinceMs = this.#time.nowMs - this.startedMs;
    return sinceMs + this.#driftMs(sinceMs);
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#time.after(delayMs, () => {
      if (this.#isAlive) run();
    });
  }
}
