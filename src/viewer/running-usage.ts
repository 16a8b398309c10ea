import type { Usage } from '../protocol/messages.ts';

/** A gap between chunks of more than this is not served time (DESIGN.md, section 2). */
const LONGEST_SERVED_GAP_MS = 1_000;
/** How far the estimate may have run ahead of the server's figure for it to stand still until that has caught up. */
const HELD_BACK_MS = 3_000;

/**
 * Billable time between two of the server's figures: the last figure, and the time since in which chunks came. For show only.
 * The server's figure corrects it; where the estimate was a little ahead it waits, so that a running clock does not run back.
 */
export class RunningUsage {
  #billableMs = 0;
  #lastChunkMs: number | undefined;
  #shownMs = 0;

  /** A chunk came at `atMs` (monotonic milliseconds). */
  chunk(atMs: number): void {
    const gapMs = this.#lastChunkMs === undefined ? 0 : atMs - this.#lastChunkMs;
    if (gapMs <= LONGEST_SERVED_GAP_MS) this.#billableMs += gapMs;
    this.#lastChunkMs = atMs;
  }

  correct(usage: Usage): void {
    this.#billableMs = usage.billableMs;
  }

  get billableMs(): number {
    const ahead = this.#shownMs - this.#billableMs;
    if (ahead <= 0 || ahead > HELD_BACK_MS) this.#shownMs = this.#billableMs;
    return this.#shownMs;
  }
}
