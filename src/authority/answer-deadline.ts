import type { Clock, Timers } from '../clock.ts';

/**
 * When a viewing's answer has to be there. A thread that was busy finds the deadline before the answers that came meanwhile: what lies
 * in the socket is read first, and what is being looked at has come in time.
 */
export class AnswerDeadline {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #passed: () => void;
  #cancel: (() => void) | undefined;
  /** Answers that are being looked at … */
  #looking = 0;
  /** … while the deadline waits for that. */
  #hasCome = false;

  /** @param passed told when it has passed; by the clock that may be a moment early, and it is to be set again then */
  constructor(clock: Clock, timers: Timers, passed: () => void) {
    this.#clock = clock;
    this.#timers = timers;
    this.#passed = passed;
  }

  /** In place of the one before. @param atMs undefined: none */
  set(atMs: number | undefined): void {
    this.#cancel?.();
    this.#cancel =
      atMs === undefined ? undefined : this.#timers.after(Math.max(0, atMs - this.#clock.nowMs()), () => this.#readFirst());
  }

  /** Looks at an answer, which may take a while. */
  async looking<T>(look: () => Promise<T>): Promise<T> {
    this.#looking++;
    try {
      return await look();
    } finally {
      this.#looking--;
      if (this.#looking === 0 && this.#hasCome) this.#pass();
    }
  }

  #readFirst(): void {
    this.#cancel = this.#timers.after(0, () => {
      if (this.#looking === 0) this.#pass();
      else this.#hasCome = true;
    });
  }

  #pass(): void {
    this.#hasCome = false;
    this.#passed();
  }
}
