import type { Clock, Timers } from '../clock.ts';

/** How often an edge says where it is and how full; silent for three times as long, it is taken for dead. */
export const ANNOUNCE_MS = 1_000;
/** How long viewings may take to go elsewhere when it stops, and how often it looks whether they have. */
const LEAVE_WITHIN_MS = 1_500;
const LEAVE_CHECK_MS = 20;

/** Resolves once no viewing is left, or when an edge that stops has waited long enough for that. */
export async function viewingsGone(viewings: () => number, clock: Clock, timers: Timers): Promise<void> {
  const untilMs = clock.nowMs() + LEAVE_WITHIN_MS;
  while (viewings() > 0 && clock.nowMs() < untilMs) await new Promise<void>((resolve) => timers.after(LEAVE_CHECK_MS, resolve));
}
