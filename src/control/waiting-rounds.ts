import type { WaitingLine } from './waiting-line.ts';

/** A waiter is told where it stands no more often than this; with more than `TOLD_PER_SECOND` of them, less often. */
const ROUND_MS = 1_000;
/** Telling one costs some 15 µs, so that all of it takes 3 % of a processor. */
const TOLD_PER_SECOND = 2_000;
/** But as often as this, however many there are: clients wait 10 s for an answer. */
const LONGEST_ROUND_MS = 5_000;
/** Who is expected to wait less is not told at once. */
const UNTOLD_MS = 500;

export interface Told {
  /** When it was told last, or is taken to have been. */
  toldMs: number;
  /** Told now and then while it waits: how many are before it, and for how long by present experience. */
  waiting(ahead: number, expectedMs: number): void;
}

/** Tells those who wait where they stand, round after round: of many a part at a time, so that it takes no long time at once. */
export class WaitingRounds {
  readonly #lines: readonly WaitingLine<Told>[];
  readonly #everyMs: number;
  #roundMs = 0;

  /** @param lines the first goes before the others. @param everyMs from one part to the next */
  constructor(lines: readonly WaitingLine<Told>[], everyMs: number) {
    this.#lines = lines;
    this.#everyMs = everyMs;
  }

  /** Tells one that joined now, if it is worth the words. */
  joined(waiter: Told, ahead: number, expectedMs: number): void {
    if (expectedMs >= UNTOLD_MS) waiter.waiting(ahead, expectedMs);
    // Told by the next round, if it is wrong that it is not.
    else waiter.toldMs -= ROUND_MS - UNTOLD_MS;
  }

  /** The next of them. @param expectedMs how long one waits with so many before it */
  tell(nowMs: number, expectedMs: (ahead: number) => number): void {
    const isNewRound = nowMs - this.#roundMs >= ROUND_MS;
    if (isNewRound) this.#roundMs = nowMs;
    let before = 0;
    for (const line of this.#lines) {
      if (isNewRound && line.isRoundOver) line.beginRound();
      for (const [waiter, inLine] of line.next(this.#part(line.size))) {
        if (nowMs - waiter.toldMs < ROUND_MS) continue;
        waiter.toldMs = nowMs;
        waiter.waiting(before + inLine, expectedMs(before + inLine));
      }
      before += line.size;
    }
  }

  #part(waiting: number): number {
    const ofAll = (roundMs: number) => Math.ceil((waiting * this.#everyMs) / roundMs);
    return Math.min(ofAll(ROUND_MS), Math.max((TOLD_PER_SECOND * this.#everyMs) / 1_000, ofAll(LONGEST_ROUND_MS)));
  }
}
