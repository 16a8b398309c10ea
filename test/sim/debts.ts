import type { Who } from './oracle.ts';
import type { SimProcess } from './time.ts';

type Debtor = Who & { readonly process: SimProcess };

/** DESIGN.md, section 4, step 6: so many keys may be left unconfirmed, then it takes so long until the next. */
const FREE_KEYS = 3;
const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 600_000;

/** What each viewer owes in keys that it was given and never confirmed, as the rule has it. */
export class DebtWatch {
  readonly #awaited = new Map<string, number>();
  readonly #debts = new Map<string, { keys: number; lastMs: number }>();

  given(viewing: string): void {
    this.#awaited.set(viewing, (this.#awaited.get(viewing) ?? 0) + 1);
  }

  confirmed(viewing: string, debtor: Debtor): void {
    const awaited = this.#awaited.get(viewing) ?? 0;
    if (awaited === 0) return;
    this.#awaited.set(viewing, awaited - 1);
    const debt = this.#debts.get(nameOf(debtor));
    if (debt !== undefined && debt.keys > 0) debt.keys--;
  }

  /** @param atMs when, by the true time */
  ended(viewing: string, debtor: Debtor, atMs: number): void {
    const awaited = this.#awaited.get(viewing) ?? 0;
    this.#awaited.delete(viewing);
    if (awaited > 0)
      this.#debts.set(nameOf(debtor), { keys: (this.#debts.get(nameOf(debtor))?.keys ?? 0) + awaited, lastMs: atMs });
  }

  /** How many keys somebody owes who has to wait; undefined for one who has not. */
  at(debtor: Debtor, nowMs: number): number | undefined {
    const { keys = 0, lastMs = 0 } = this.#debts.get(nameOf(debtor)) ?? {};
    if (keys < FREE_KEYS) return undefined;
    return nowMs < lastMs + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (keys - FREE_KEYS)) ? keys : undefined;
  }
}

/** A process that dies forgets. */
const nameOf = ({ process, program, viewer }: Debtor): string => `${process.boot}\n${program}\n${viewer}`;
