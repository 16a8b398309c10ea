import type { ViewingEnd } from './end.ts';

/** Viewings that may be opened without asking, one after another, before the viewer is asked. */
const MOST_IN_A_ROW = 3;
/** A viewing that lasted this long was no failure: the count begins anew. */
const LASTING_MS = 15_000;

const LOST_REASONS: ReadonlySet<string> = new Set(['disconnected', 'interrupted', 'unconfirmed']);
const LOST_CODES: ReadonlySet<string> = new Set(['resume-invalid']);
/** What a server that has only just come back may answer to one who goes on. */
const NOT_YET_CODES: ReadonlySet<string> = new Set(['not-live', 'unavailable', 'try-later', 'unreachable']);

/** Whether a viewing that was lost, and not ended by anyone's wish, is followed by another at the same price without asking. */
export class Rewatch {
  #inARow = 0;

  allows(end: ViewingEnd): boolean {
    if ((end.usage?.billableMs ?? 0) >= LASTING_MS) this.#inARow = 0;
    if (!this.#isLost(end) || this.#inARow >= MOST_IN_A_ROW) return false;
    this.#inARow++;
    return true;
  }

  #isLost(end: ViewingEnd): boolean {
    if (end.by === 'server') return LOST_REASONS.has(end.reason);
    return LOST_CODES.has(end.error.code) || (this.#inARow > 0 && end.usage === undefined && NOT_YET_CODES.has(end.error.code));
  }
}
