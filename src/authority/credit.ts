import { chargeOf, runningCharge } from '../billing/charge.ts';
import { parseDecimal, toMinor } from '../billing/money.ts';
import type { Tariff } from '../billing/tariff.ts';
import type { LedgerReader } from '../ledger/ledger.ts';
import type { ViewerToken } from '../tokens/viewer-token.ts';

/** A viewing under way, as far as its cost goes. */
export interface Spender {
  readonly billableMs: number;
  readonly terms: { readonly tariff: Tariff };
}

interface Account {
  readonly capMinor: bigint;
  /** What viewings that have ended cost, in the currency's minor unit. */
  spentMinor: bigint;
  readonly running: Set<Spender>;
}

/** The spending caps of tokens, over all viewings that are opened with one: in one currency, for it knows no rates. */
export class Credit {
  readonly #reader: LedgerReader;
  /** Up to a period may be confirmed that no edge has reported as served yet. */
  readonly #unreportedMs: number;
  readonly #accounts = new Map<string, Account>();

  constructor(reader: LedgerReader, unreportedMs: number) {
    this.#reader = reader;
    this.#unreportedMs = unreportedMs;
  }

  /** Whether a token's cap covers a first stretch at a tariff, beside all that goes on it already. True for one without a cap. */
  admits(token: ViewerToken, tariff: Tariff, firstMs: number): boolean {
    const account = this.#account(token, tariff.currency);
    return account === undefined || this.#costMinor(account) + runningCharge(firstMs, tariff).amountMinor <= account.capMinor;
  }

  /** A viewing goes on its token's account. */
  open(token: ViewerToken, spender: Spender): void {
    const { currency } = spender.terms.tariff;
    const account = this.#account(token, currency);
    if (account === undefined) return;
    this.#accounts.set(nameOf(token, currency), account);
    account.running.add(spender);
  }

  /** A viewing has ended, at its final cost. */
  close(token: ViewerToken, spender: Spender): void {
    const { tariff } = spender.terms;
    const name = nameOf(token, tariff.currency);
    const account = this.#accounts.get(name);
    if (!account?.running.delete(spender)) return;
    account.spentMinor += runningCharge(spender.billableMs, tariff).amountMinor;
    // From here on the ledger has it all.
    if (account.running.size === 0) this.#accounts.delete(name);
  }

  /** Whether the token's cap covers `moreMs` of a viewing, beside all that goes on it. */
  covers(token: ViewerToken, spender: Spender, moreMs: number): boolean {
    const { tariff } = spender.terms;
    const account = this.#accounts.get(nameOf(token, tariff.currency));
    return account === undefined || this.#costMinor(account, spender, moreMs) <= account.capMinor;
  }

  #costMinor({ spentMinor, running }: Account, who?: Spender, moreMs = 0): bigint {
    let costMinor = spentMinor;
    for (const spender of running) {
      const comingMs = this.#unreportedMs + (spender === who ? moreMs : 0);
      costMinor += runningCharge(spender.billableMs + comingMs, spender.terms.tariff).amountMinor;
    }
    return costMinor;
  }

  #account(token: ViewerToken, currency: string): Account | undefined {
    if (token.cap === undefined) return undefined;
    const known = this.#accounts.get(nameOf(token, currency));
    if (known !== undefined) return known;
    let spentMinor = 0n;
    for (const record of this.#reader.viewings({ token: token.id })) {
      if (record.tariff.currency === currency) spentMinor += chargeOf([record])?.amountMinor ?? 0n;
    }
    return { capMinor: toMinor(parseDecimal(token.cap), currency), spentMinor, running: new Set() };
  }
}

const nameOf = (token: ViewerToken, currency: string): string => `${token.id} ${currency}`;
