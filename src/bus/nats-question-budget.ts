import type { Clock } from '../clock.ts';
import { MessageBudget } from '../control/message-budget.ts';

/** An edge asks at its start, after an outage and after a loss. Whoever asks more often has a defect, or a stolen credential. */
const PER_SECOND = 2;
const BURST = 5;
/** Those who asked longest ago are forgotten beyond it. */
const MAX_ASKERS = 1_000;

/** How often each edge may ask one question that is costly to answer. */
export class QuestionBudget {
  readonly #clock: Clock;
  readonly #askers = new Map<string, MessageBudget>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws RangeError for a question too many */
  take(asker: string): void {
    const budget = this.#askers.get(asker) ?? new MessageBudget(PER_SECOND, BURST, this.#clock);
    this.#askers.delete(asker);
    this.#askers.set(asker, budget);
    for (const oldest of this.#askers.keys()) if (this.#askers.size > MAX_ASKERS) this.#askers.delete(oldest);
    if (!budget.take()) throw new RangeError(`${asker} asks more than ${PER_SECOND} times a second`);
  }
}
