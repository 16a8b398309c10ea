import type { Clock } from './clock.ts';

/** What makes the clock of one thread that of another one in the same process. */
export interface ClockAnchor {
  readonly boot: string;
  readonly wallAnchorMs: number;
  /** When the clock was 0, by `process.hrtime`, which all threads of a process share; `performance.now` begins anew in each. */
  readonly beganNs: bigint;
}

export interface ProcessClock extends Clock {
  readonly anchor: ClockAnchor;
}

const NS_PER_MS = 1_000_000n;

/** The clock of a process, begun now, or in another of its threads. */
export function processClock(anchor: ClockAnchor = begunNow()): ProcessClock {
  const { boot, wallAnchorMs, beganNs } = anchor;
  return { boot, wallAnchorMs, anchor, nowMs: () => Number((process.hrtime.bigint() - beganNs) / NS_PER_MS) };
}

const begunNow = (): ClockAnchor => ({
  boot: crypto.randomUUID(),
  wallAnchorMs: Date.now(),
  beganNs: process.hrtime.bigint(),
});
