import type { Clock } from '../clock.ts';

/** A token bucket: so many messages a second, and so many at once. */
export class MessageBudget {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #clock: Clock;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, burst: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#clock = clock;
    this.#left = burst;
    this.#atMs = clock.nowMs();
  }

  /** Whether one more message is allowed now; counts it if so. */
  take(): boolean {
    const nowMs = this.#clock.nowMs();
    this.#left = Math.min(this.#burst, this.#left + ((nowMs - this.#atMs) * this.#perSecond) / 1_000);
    this.#atMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
