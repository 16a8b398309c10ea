import type { Clock, Timers } from '../clock.ts';

/** Notices when nothing has come for too long. Costs no timer per arrival. */
export class IdleTimer {
  readonly #limitMs: number;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #timers: Timers;
  readonly #onIdle: () => void;
  #lastMs: number;
  #suspended = false;
  #cancel: () => void = () => undefined;

  /** Begins at once. `onIdle` is called once, after `limitMs` without a `touch`. */
  constructor(limitMs: number, clock: Pick<Clock, 'nowMs'>, timers: Timers, onIdle: () => void) {
    this.#limitMs = limitMs;
    this.#clock = clock;
    this.#timers = timers;
    this.#onIdle = onIdle;
    this.#lastMs = clock.nowMs();
    this.#arm(limitMs);
  }

  /** Something came. */
  touch(): void {
    this.#lastMs = this.#clock.nowMs();
  }

  /** Silence means nothing until `resume`: it is we who do not listen. */
  suspend(): void {
    this.#suspended = true;
  }

  resume(): void {
    this.#suspended = false;
    this.touch();
  }

  cancel(): void {
    this.#cancel();
  }

  #arm(delayMs: number): void {
    this.#cancel = this.#timers.after(delayMs, () => {
      const idleMs = this.#suspended ? 0 : this.#clock.nowMs() - this.#lastMs;
      if (idleMs < this.#limitMs) this.#arm(this.#limitMs - idleMs);
      else this.#onIdle();
    });
  }
}
