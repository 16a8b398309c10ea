import type { Clock, Timers } from '../clock.ts';

/** How often those whose place has come are looked for: 10,000 viewings over 3 s are 33 a tick. */
const TICK_MS = 10;

interface Placed {
  /** Where in the spread of updates it has its place: 0 up to 1, fixed for its life. */
  readonly place: number;
}

/** Calls each member of a group once, at its own place in a spread of time, so that updates do not come in a wave. */
export class UpdateSpread<T extends Placed> {
  readonly #clock: Clock;
  readonly #timers: Timers;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  /** Begins a spread, in place of the one under way. Who joins later is not in it. */
  run(members: Iterable<T>, fromMs: number, spreadMs: number, each: (member: T) => void): void {
    this.stop();
    const waiting = [...members].sort((a, b) => b.place - a.place);
    const tick = () => {
      const nowMs = this.#clock.nowMs();
      for (let next = waiting.at(-1); next !== undefined && fromMs + next.place * spreadMs <= nowMs; next = waiting.at(-1)) {
        waiting.pop();
        each(next);
      }
      this.#cancel = waiting.length === 0 ? undefined : this.#timers.after(TICK_MS, tick);
    };
    tick();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
