const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/** What gets out of everything and would end the process, kept in place of that. */
export class ProcessFaults {
  #first: unknown;
  #seen = false;
  readonly #keep = (reason: unknown): void => {
    if (!this.#seen) this.#first = reason;
    this.#seen = true;
  };

  constructor() {
    for (const event of EVENTS) process.on(event, this.#keep);
  }

  /** @throws whatever came first, if anything came */
  check(): void {
    if (this.#seen) throw this.#first;
  }

  close(): void {
    for (const event of EVENTS) process.off(event, this.#keep);
  }
}
