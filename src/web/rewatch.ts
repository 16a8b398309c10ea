import type { ViewingEnd } from '../viewer/end.ts';

/** Viewings that the page may open by itself, one after another, before it asks. */
const MOST_IN_A_ROW = 3;
/** A viewing that lasted this long was no failure: the count begins anew. */
const LASTING_MS = 15_000;

const LOST_REASONS: ReadonlySet<string> = new Set(['disconnected', 'interrupted', 'unconfirmed']);
const LOST_CODES: ReadonlySet<string> = new Set(['resume-invalid']);

/** Whether a viewing that was lost, and not ended by anyone's wish, is followed by another at the same price without asking. */
export class Rewatch {
  #inARow = 0;

  /** `billableMs` is what the viewing that ended had come to. */
  allows(end: ViewingEnd, billableMs: number): boolean {
    if (billableMs >= LASTING_MS) this.#inARow = 0;
    const lost = end.by === 'server' ? LOST_REASONS.has(end.reason) : LOST_CODES.has(end.error.code);
    if (!lost || this.#inARow >= MOST_IN_A_ROW) return false;
    this.#inARow++;
    return true;
  }

  reset(): void {
    this.#inARow = 0;
  }
}
