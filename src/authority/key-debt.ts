import type { Clock } from '../clock.ts';

/** Keys that may be given to a viewer of a program and not confirmed, before it has to wait. */
const FREE_KEYS = 3;
const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 600_000;
/** A debt older than this is forgotten. */
const FORGET_MS = 1_800_000;
/** Debts kept at once; the oldest goes first. */
const MAX_DEBTS = 100_000;

/**
 * Keys given and never confirmed, for each viewer and program: so that there is nothing to gain by asking anew for the next
 * key instead of answering (DESIGN.md, section 4, step 6).
 */
export class KeyDebt {
  readonly #clock: Clock;
  /** In the order of the last key given. */
  readonly #debts = new Map<string, { keys: number; lastMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long this viewer has to wait for another first key; 0 if it has not to. */
  waitMs(program: string, viewer: string): number {
    const debt = this.#debts.get(nameOf(program, viewer));
    if (debt === undefined || debt.keys < FREE_KEYS) return 0;
    const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (debt.keys - FREE_KEYS));
    return Math.max(0, debt.lastMs + waitMs - this.#clock.nowMs());
  }

  given(program: string, viewer: string): void {
    const name = nameOf(program, viewer);
    const nowMs = this.#clock.nowMs();
    const keys = this.#debts.get(name)?.keys ?? 0;
    this.#debts.delete(name);
    this.#debts.set(name, { keys: keys + 1, lastMs: nowMs });
    this.#forget(nowMs);
  }

  /** A confirmation settles what was owed: from here on this viewer pays. */
  confirmed(program: string, viewer: string): void {
    this.#debts.delete(nameOf(program, viewer));
  }

  #forget(nowMs: number): void {
    for (const [name, { lastMs }] of this.#debts) {
      if (this.#debts.size <= MAX_DEBTS && nowMs - lastMs < FORGET_MS) return;
      this.#debts.delete(name);
    }
  }
}

const nameOf = (program: string, viewer: string): string => `${program}\n${viewer}`;
