import type { Who } from './oracle.ts';
import type { SimProcess } from './time.ts';

type Debtor = Who & { readonly process: SimProcess };

/** DESIGN.md, section 4, step 6: so many keys may be left unconfirmed, then it takes so long until the next. */
const FREE_KEYS = 3;
const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 600_000;

/** Looked back upon. A viewing that is superseded owes before its end is known here, by less than the difference. */
const LEFT_WITHIN_MS = 15_000;
const CONFIRMED_WITHIN_MS = 23_000;
const KNOWN_WITHIN_MS = 2_000;

interface Account {
  /** When a key turned out to be left unconfirmed, each, and when one was confirmed. */
  leftMs: number[];
  confirmedMs: number[];
}

/** What each viewer owes at least in keys that it was given and never confirmed: each confirmation settles one at most. */
export class DebtWatch {
  readonly #awaited = new Map<string, number>();
  readonly #accounts = new Map<string, Account>();

  given(viewing: string): void {
    this.#awaited.set(viewing, (this.#awaited.get(viewing) ?? 0) + 1);
  }

  confirmed(viewing: string, debtor: Debtor, nowMs: number): void {
    const awaited = this.#awaited.get(viewing) ?? 0;
    if (awaited > 0) this.#awaited.set(viewing, awaited - 1);
    this.#account(debtor).confirmedMs.push(nowMs);
  }

  /** @param atMs when, by the true time */
  ended(viewing: string, debtor: Debtor, atMs: number): void {
    const awaited = this.#awaited.get(viewing) ?? 0;
    this.#awaited.delete(viewing);
    for (let key = 0; key < awaited; key++) this.#account(debtor).leftMs.push(atMs);
  }

  /** How many keys somebody owes who has to wait; undefined for one who has not. */
  at(debtor: Debtor, nowMs: number): number | undefined {
    const account = this.#account(debtor);
    account.leftMs = account.leftMs.filter((ms) => nowMs - ms < LEFT_WITHIN_MS);
    account.confirmedMs = account.confirmedMs.filter((ms) => nowMs - ms < CONFIRMED_WITHIN_MS);
    const keys = account.leftMs.length - account.confirmedMs.length;
    if (keys < FREE_KEYS) return undefined;
    const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (keys - FREE_KEYS));
    return nowMs < Math.max(...account.leftMs) - KNOWN_WITHIN_MS + waitMs ? keys : undefined;
  }

  /** A process that dies forgets. */
  #account({ process, program, viewer }: Debtor): Account {
    const name = `${process.boot}\n${program}\n${viewer}`;
    const known = this.#accounts.get(name) ?? { leftMs: [], confirmedMs: [] };
    this.#accounts.set(name, known);
    return known;
  }
}
