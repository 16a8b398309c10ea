import type { SpanMs } from './viewing-record.ts';

/** When an epoch began, and when it ended if it has. */
export interface EpochSpan {
  beganMs(epoch: number): number | undefined;
  endedMs(epoch: number): number | undefined;
}

/** Served time is reported at most this many epochs late. */
const EPOCHS_KEPT = 4;

/**
 * One viewing's billable time while it lasts: each report of served time counts where it falls into confirmed time. Adds up to
 * what metering.ts makes of the ledger, without keeping what the ledger keeps.
 */
export class LiveMeter {
  readonly #epochs: EpochSpan;
  #confirmed: { readonly epoch: number; readonly fromMs: number }[] = [];
  #billableMs = 0;

  constructor(epochs: EpochSpan) {
    this.#epochs = epochs;
  }

  get billableMs(): number {
    return this.#billableMs;
  }

  /** An epoch's receipt became durable. */
  confirm(epoch: number, atMs: number): void {
    this.#confirmed = [...this.#confirmed, { epoch, fromMs: atMs }].slice(-EPOCHS_KEPT);
  }

  /** Time in which chunks were being sent; reports of a viewing do not overlap. */
  serve(span: SpanMs): void {
    for (const { epoch, fromMs } of this.#confirmed) {
      const beganMs = this.#epochs.beganMs(epoch);
      if (beganMs === undefined) continue;
      const from = Math.max(span.fromMs, fromMs, beganMs);
      const to = Math.min(span.toMs, this.#epochs.endedMs(epoch) ?? span.toMs);
      this.#billableMs += Math.max(0, to - from);
    }
  }
}
