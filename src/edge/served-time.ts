/** Sending goes on while no gap is longer than this (DESIGN.md, section 2, "served"). */
export const MAX_SERVED_GAP_MS = 1_000;

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The time in which chunks were being sent to one viewing, since it was last asked. */
export class ServedTime {
  /** Spans that a gap has ended. */
  #past: Span[] = [];
  /** Of the span that goes on to the last chunk. */
  #fromMs: number | undefined;
  #lastMs: number | undefined;

  /** When the last chunk was sent. */
  get lastMs(): number | undefined {
    return this.#lastMs;
  }

  /** Another thread sent it chunks before, the last one at that time: where sending goes on, there is no gap between the two. */
  goesOn(fromMs: number): void {
    if (this.#lastMs === undefined) this.#fromMs = this.#lastMs = fromMs;
  }

  /** For each viewer in each pass: while sending goes on, one number moves. */
  sent(atMs: number): void {
    if (this.#lastMs === undefined || atMs - this.#lastMs > MAX_SERVED_GAP_MS) {
      this.#past.push(...this.#running());
      this.#fromMs = atMs;
    }
    this.#lastMs = atMs;
  }

  /** The spans since the last call, which adjoin those of the call before where sending went on. */
  take(): readonly Span[] {
    const taken = [...this.#past, ...this.#running()];
    this.#past = [];
    this.#fromMs = this.#lastMs;
    return taken;
  }

  #running(): Span[] {
    const [fromMs, toMs] = [this.#fromMs, this.#lastMs];
    return fromMs === undefined || toMs === undefined || toMs <= fromMs ? [] : [{ fromMs, toMs }];
  }
}
