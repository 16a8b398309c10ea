/** How long to wait before trying again: doubling, bounded, and jittered so that not everybody comes back in one wave. */
export interface BackOffLimits {
  readonly firstMs: number;
  readonly mostMs: number;
}

export const RECONNECT_BACK_OFF: BackOffLimits = { firstMs: 250, mostMs: 8_000 };

/** The wait before attempt `attempt` (0, 1, 2 …): between half of the doubled time and all of it; `random` is in [0, 1). */
export function backOffMs(attempt: number, random: number, limits: BackOffLimits = RECONNECT_BACK_OFF): number {
  const wholeMs = Math.min(limits.mostMs, limits.firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(wholeMs / 2 + (wholeMs / 2) * random);
}
