/** Sending goes on while no gap is longer than this (DESIGN.md, section 2, "served"). */
export const MAX_SERVED_GAP_MS = 1_000;

/** The time in which chunks were being sent to one viewing, since it was last asked. */
export class ServedTime {
  #spans: { fromMs: number; toMs: number }[] = [];
  #lastMs: number | undefined;

  /** When the last chunk was sent. */
  get lastMs(): number | undefined {
    return this.#lastMs;
  }

  /** Another thread sent it chunks before, the last one at that time: where sending goes on, there is no gap between the two. */
  goesOn(fromMs: number): void {
    this.#lastMs ??= fromMs;
  }

  sent(atMs: number): void {
    const span = this.#spans.at(-1);
    if (span !== undefined && atMs - span.toMs <= MAX_SERVED_GAP_MS) span.toMs = atMs;
    else if (this.#lastMs !== undefined && atMs - this.#lastMs <= MAX_SERVED_GAP_MS)
      this.#spans.push({ fromMs: this.#lastMs, toMs: atMs });
    else this.#spans.push({ fromMs: atMs, toMs: atMs });
    this.#lastMs = atMs;
  }

  /** The spans since the last call, which adjoin those of the call before where sending went on. */
  take(): readonly { readonly fromMs: number; readonly toMs: number }[] {
    const taken = this.#spans.filter((span) => span.toMs > span.fromMs);
    this.#spans = [];
    return taken;
  }
}
