import type { SpanMs } from './viewing-record.ts';

/** When an epoch began, and when it ended if it has. */
export interface EpochSpan {
  beganMs(epoch: number): number | undefined;
  endedMs(epoch: number): number | undefined;
}

/** Confirmed epochs that a report may still be about. */
const EPOCHS_KEPT = 16;
/** Reports that something may still be learned about: a receipt or an epoch's beginning that comes later, the viewing's end. */
const REPORTS_KEPT = 16;

/**
 * One viewing's billable time while it lasts: each report of served time counts where it falls into confirmed time, in whatever order
 * one hears of both. Adds up to what metering.ts makes of the ledger, without keeping what the ledger keeps.
 */
export class LiveMeter {
  readonly #epochs: EpochSpan;
  #confirmed: readonly { readonly epoch: number; readonly fromMs: number }[] = [];
  #reports: readonly SpanMs[] = [];
  /** Of reports that are not kept any more. */
  #settledMs = 0;
  #startMs = Number.POSITIVE_INFINITY;
  #endMs = Number.POSITIVE_INFINITY;

  constructor(epochs: EpochSpan) {
    this.#epochs = epochs;
  }

  get billableMs(): number {
    return this.#reports.reduce((sum, report) => sum + this.#paidFor(report), this.#settledMs);
  }

  /** The viewing has started: what an edge on another host puts before that, by an age that is a little wrong, is free. */
  start(atMs: number): void {
    this.#startMs = atMs;
  }

  /** An epoch's receipt became durable. */
  confirm(epoch: number, atMs: number): void {
    const confirmed = [...this.#confirmed, { epoch, fromMs: atMs }];
    for (const dropped of confirmed.slice(0, -EPOCHS_KEPT)) {
      const endedMs = this.#epochs.endedMs(dropped.epoch) ?? Number.POSITIVE_INFINITY;
      this.#settle((report) => report.fromMs < endedMs);
    }
    this.#confirmed = confirmed.slice(-EPOCHS_KEPT);
  }

  /** Time in which chunks were being sent; reports of a viewing do not overlap. */
  serve(report: SpanMs): void {
    this.#reports = [...this.#reports, report];
    const oldest = this.#reports.at(-REPORTS_KEPT);
    if (oldest !== undefined && oldest !== this.#reports[0]) this.#settle(({ fromMs }) => fromMs < oldest.fromMs);
  }

  /** The viewing has ended: what an edge sent before it had heard of that is free. */
  end(atMs: number): void {
    this.#endMs = atMs;
  }

  /** Nothing more is learned about these. */
  #settle(isOld: (report: SpanMs) => boolean): void {
    for (const report of this.#reports.filter(isOld)) this.#settledMs += this.#paidFor(report);
    this.#reports = this.#reports.filter((report) => !isOld(report));
  }

  #paidFor({ fromMs, toMs }: SpanMs): number {
    let paidMs = 0;
    for (const confirmed of this.#confirmed) {
      const beganMs = this.#epochs.beganMs(confirmed.epoch);
      if (beganMs === undefined) continue;
      const from = Math.max(fromMs, confirmed.fromMs, beganMs, this.#startMs);
      const to = Math.min(toMs, this.#epochs.endedMs(confirmed.epoch) ?? toMs, this.#endMs);
      paidMs += Math.max(0, to - from);
    }
    return paidMs;
  }
}
