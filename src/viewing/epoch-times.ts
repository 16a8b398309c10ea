/** Receipts, updates and served time are never about an epoch longer ago than this; more than a live meter keeps. */
const EPOCHS_KEPT = 64;

/** When the epochs of one broadcast began and ended. */
export class EpochTimes {
  /** Ascending. */
  readonly #began: { readonly epoch: number; readonly beganMs: number }[] = [];
  #endMs: number | undefined;

  begin(epoch: number, atMs: number): void {
    this.#began.push({ epoch, beganMs: atMs });
    if (this.#began.length > EPOCHS_KEPT) this.#began.shift();
  }

  /** The broadcast ended, and its last epoch with it. */
  end(atMs: number): void {
    this.#endMs = atMs;
  }

  get current(): number | undefined {
    return this.#began.at(-1)?.epoch;
  }

  beganMs(epoch: number): number | undefined {
    return this.#began.find((known) => known.epoch === epoch)?.beganMs;
  }

  /** When it ended; undefined while it lasts or before it begins. */
  endedMs(epoch: number): number | undefined {
    const at = this.#began.findIndex((known) => known.epoch === epoch);
    return at < 0 ? undefined : (this.#began[at + 1]?.beganMs ?? this.#endMs);
  }
}
