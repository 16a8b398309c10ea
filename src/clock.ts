/**
 * Time as everything in Tollcast that bills by it sees it (DESIGN.md, section 4, "Billable time"): whole monotonic
 * milliseconds of one boot, anchored once to the wall clock. Stepping the wall clock moves nothing.
 */
export interface Clock {
  /** Names the boot whose milliseconds `nowMs` counts; times of two boots cannot be subtracted. */
  readonly boot: string;
  /** Wall-clock milliseconds since 1970 at the instant when `nowMs()` was 0. */
  readonly wallAnchorMs: number;
  /** Whole monotonic milliseconds since the boot began. Never decreases. */
  nowMs(): number;
}

/** Wall-clock time (milliseconds since 1970) of a monotonic time of this clock's boot. */
export const wallMsOf = (clock: Pick<Clock, 'wallAnchorMs'>, atMs: number): number => clock.wallAnchorMs + atMs;

/** The clock of this process, begun now. */
export function systemClock(boot: string = crypto.randomUUID()): Clock {
  const origin = performance.now();
  return { boot, wallAnchorMs: Date.now(), nowMs: () => Math.floor(performance.now() - origin) };
}

/** Timers, handed in beside the clock so that a test or a simulator can run them. */
export interface Timers {
  /** Calls `run` once after `delayMs`; what it returns cancels that. Does not keep the process alive. */
  after(delayMs: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    if (typeof timer === 'object') timer.unref();
    return () => clearTimeout(timer);
  },
};
