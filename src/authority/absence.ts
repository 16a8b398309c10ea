import type { Timers } from '../clock.ts';

/** How long a broadcast has been without its encryptor, and what comes of it: first it is taken to be silent, then it is over. */
export class Absence {
  readonly #timers: Timers;
  #cancel: () => void = () => undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** In place of what was waited for before. */
  begin(...stages: readonly { readonly afterMs: number; readonly run: () => void }[]): void {
    this.end();
    const cancels = stages.map(({ afterMs, run }) => this.#timers.after(afterMs, run));
    this.#cancel = () => {
      for (const cancel of cancels) cancel();
    };
  }

  end(): void {
    this.#cancel();
    this.#cancel = () => undefined;
  }
}
