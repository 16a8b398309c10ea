import type { Clock } from '../clock.ts';

/** Keys that viewings of a viewer may leave behind unconfirmed, before it has to wait. */
const FREE_KEYS = 3;
const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 600_000;
/** A debt older than this is forgotten. */
const FORGET_MS = 1_800_000;
/** Debts kept at once; the oldest goes first. */
const MAX_DEBTS = 100_000;

/** A viewing, as far as its keys go. */
export interface Debtor {
  readonly viewing: string;
  readonly viewer: string;
  readonly program: string;
}

/**
 * Keys given and never confirmed, for each viewer and program: so that there is nothing to gain by asking anew for the next
 * key instead of answering (DESIGN.md, section 4, step 6). A key of a viewing that goes on is no debt, for its answer may be on
 * its way; what is unconfirmed when it ends is. A confirmation settles its own key, and one that an earlier viewing left: who pays for as
 * many keys as it left is even.
 */
export class KeyDebt {
  readonly #clock: Clock;
  /** Keys that await an answer, by viewing: of those under way only. */
  readonly #awaited = new Map<string, number>();
  /** In the order of the last key left. */
  readonly #debts = new Map<string, { keys: number; lastMs: number }>();

  /** Keys that were never confirmed, since the start. */
  unanswered = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keys that await an answer. */
  get awaited(): number {
    return [...this.#awaited.values()].reduce((sum, keys) => sum + keys, 0);
  }

  /** Who left keys unconfirmed, counted for each program. */
  get debtors(): number {
    return this.#debts.size;
  }

  /** How long this viewer has to wait for another first key; 0 if it has not to. */
  waitMs(program: string, viewer: string): number {
    const debt = this.#debts.get(nameOf(program, viewer));
    if (debt === undefined || debt.keys < FREE_KEYS) return 0;
    const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (debt.keys - FREE_KEYS));
    return Math.max(0, debt.lastMs + waitMs - this.#clock.nowMs());
  }

  given({ viewing }: Debtor): void {
    this.#awaited.set(viewing, (this.#awaited.get(viewing) ?? 0) + 1);
  }

  confirmed({ viewing, program, viewer }: Debtor): void {
    const awaited = this.#awaited.get(viewing) ?? 0;
    if (awaited === 0) return;
    this.#awaited.set(viewing, awaited - 1);
    const name = nameOf(program, viewer);
    const debt = this.#debts.get(name);
    if (debt === undefined) return;
    debt.keys--;
    if (debt.keys === 0) this.#debts.delete(name);
  }

  /** What it has not confirmed it never will. */
  ended({ viewing, program, viewer }: Debtor): void {
    const awaited = this.#awaited.get(viewing) ?? 0;
    this.#awaited.delete(viewing);
    if (awaited === 0) return;
    this.unanswered += awaited;
    const name = nameOf(program, viewer);
    const nowMs = this.#clock.nowMs();
    const keys = this.#debts.get(name)?.keys ?? 0;
    this.#debts.delete(name);
    this.#debts.set(name, { keys: keys + awaited, lastMs: nowMs });
    this.#forget(nowMs);
  }

  #forget(nowMs: number): void {
    for (const [name, { lastMs }] of this.#debts) {
      if (this.#debts.size <= MAX_DEBTS && nowMs - lastMs < FORGET_MS) return;
      this.#debts.delete(name);
    }
  }
}

const nameOf = (program: string, viewer: string): string => `${program}\n${viewer}`;
