import { type Logger, pino } from 'pino';

/** A log in which nothing may be an error: what is one is thrown at the next look. */
export class FaultLog {
  readonly log: Logger;
  #faults: string[] = [];

  constructor() {
    this.log = pino({ level: 'error' }, { write: (line) => void this.#faults.push(line) });
  }

  /** @throws Error with the first line that there is */
  check(): void {
    const [fault] = this.#faults.splice(0);
    if (fault !== undefined) throw new Error(`the log has an error: ${fault}`);
  }
}
