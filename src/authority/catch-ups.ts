/** Viewers that are remembered at once; the oldest goes first. */
const MAX_REMEMBERED = 100_000;

/**
 * Who may have the free catch-up (the chunks since the last keyframe) of a program. The first one is a present; for each further one a
 * viewer must have paid for some time since: or else, watching for each keyframe's sake alone would be watching for nothing.
 */
export class CatchUps {
  /** Billable time since the last catch-up, by program and viewer. */
  readonly #paidMs = new Map<string, number>();

  /** Whether this viewer may have one now; counts it if so. */
  take(program: string, viewer: string): boolean {
    const name = nameOf(program, viewer);
    const paidMs = this.#paidMs.get(name);
    if (paidMs === 0) return false;
    this.#paidMs.delete(name);
    this.#paidMs.set(name, 0);
    const [oldest] = this.#paidMs.keys();
    if (this.#paidMs.size > MAX_REMEMBERED && oldest !== undefined) this.#paidMs.delete(oldest);
    return true;
  }

  paid(program: string, viewer: string, billableMs: number): void {
    const name = nameOf(program, viewer);
    const paidMs = this.#paidMs.get(name);
    if (paidMs !== undefined) this.#paidMs.set(name, paidMs + billableMs);
  }
}

const nameOf = (program: string, viewer: string): string => `${program}\n${viewer}`;
