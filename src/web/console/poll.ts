import type { Clock, Timers } from '../../clock.ts';

const PERIOD_MS = 1_000;
/** Between an answer and the next question, however long the answer took: a relay that is slow is not asked in a loop. */
const LEAST_REST_MS = 250;

export interface PollPorts {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timers: Timers;
  /** Whether anybody sees what is asked for. */
  isVisible(): boolean;
  /** Never rejects. */
  ask(): Promise<void>;
}

/** Asks once a second, one question at a time, and only while somebody looks. */
export class Poll {
  readonly #ports: PollPorts;
  #asking = false;
  #stopped = false;
  #cancel: (() => void) | undefined;

  constructor(ports: PollPorts) {
    this.#ports = ports;
  }

  /** Asks now, unless a question is open or nobody looks; to be called whenever that may have changed. */
  wake(): void {
    if (this.#stopped || this.#asking || !this.#ports.isVisible()) return;
    this.#cancel?.();
    this.#cancel = undefined;
    void this.#ask();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #ask(): Promise<void> {
    const { clock, timers } = this.#ports;
    this.#asking = true;
    const askedMs = clock.nowMs();
    await this.#ports.ask();
    this.#asking = false;
    if (this.#stopped) return;
    const restMs = Math.max(LEAST_REST_MS, PERIOD_MS - (clock.nowMs() - askedMs));
    this.#cancel = timers.after(restMs, () => this.wake());
  }
}
