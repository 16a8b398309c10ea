import { billableMs } from '../billing/metering.ts';
import type { Tariff } from '../billing/tariff.ts';
import type { SpanMs } from '../billing/viewing-record.ts';
import type { Clock } from '../clock.ts';
import type { LedgerReader } from '../ledger/ledger.ts';
import type { ViewerToken } from '../tokens/viewer-token.ts';
import { affordableMs, capMinor, costMinor } from './cost.ts';

/** Accounts without a viewing under way that are remembered; the one that has been so for longest goes first. */
const MAX_IDLE = 10_000;

/** A viewing under way, as far as its cost goes. */
export interface Spender {
  readonly terms: { readonly token: ViewerToken; readonly tariff: Tariff };
}

/** What goes on one token in one currency. */
interface Account<S> {
  /** What viewings that have ended cost, in the currency's minor unit. */
  spentMinor: bigint;
  readonly running: Map<S, Usage>;
}

interface Usage {
  /** As far as it was recorded: nothing else can be billed. */
  servedMs: number;
  /** Up to when edges have reported. */
  reportedMs: number;
}

/**
 * The spending caps of tokens, over all viewings that are opened with one: in each currency by itself, for it knows no rates.
 *
 * A key is given only if the cap covers, at once, of every viewing on the token: what was served, what may have been served since
 * the last report, and all that may yet be served under the keys that it was given (`prospect`), the new one included. An epoch
 * lasts for a period and the grace at most; only a ledger that is slow to reserve the next one, or a process that stands still, makes
 * it longer. What is served then beyond the cap is never recorded, so it is never billed: `take` gives it away.
 */
export class Credit<S extends Spender> {
  readonly #reader: LedgerReader;
  readonly #clock: Clock;
  readonly #prospect: (spender: S) => SpanMs;
  readonly #accounts = new Map<string, Account<S>>();
  readonly #idle = new Map<string, Account<S>>();

  /** @param prospect the time in which a viewing may have been served without a report, or may yet be by the keys that it has */
  constructor(reader: LedgerReader, clock: Clock, prospect: (spender: S) => SpanMs) {
    this.#reader = reader;
    this.#clock = clock;
    this.#prospect = prospect;
  }

  /**
   * Whether a token's cap covers a first stretch at a tariff, beside all that goes on it already. True for one without a cap.
   * @param leaving viewings that would be ended now in favour of it
   */
  admits(token: ViewerToken, tariff: Tariff, firstMs: number, leaving: readonly S[] = []): boolean {
    if (token.cap === undefined) return true;
    const account = this.#account(token, tariff.currency);
    const nowMs = this.#clock.nowMs();
    const untilMs = (spender: S) => (leaving.includes(spender) ? nowMs : Number.POSITIVE_INFINITY);
    const onItMinor = sum(account.running, (spender, usage) => usage.servedMs + this.#comingMs(spender, usage, untilMs(spender)));
    return account.spentMinor + onItMinor + costMinor(firstMs, tariff) <= capMinor(token.cap, tariff.currency);
  }

  /** A viewing goes on its token's account. */
  open(spender: S): void {
    const { token, tariff } = spender.terms;
    if (token.cap === undefined) return;
    const account = this.#account(token, tariff.currency);
    const name = nameOf(token, tariff.currency);
    this.#idle.delete(name);
    this.#accounts.set(name, account);
    account.running.set(spender, { servedMs: 0, reportedMs: this.#clock.nowMs() });
  }

  /** A viewing has ended: all that it was served has been reported. */
  close(spender: S): void {
    const { token, tariff } = spender.terms;
    const name = nameOf(token, tariff.currency);
    const account = this.#accounts.get(name);
    const usage = account?.running.get(spender);
    if (account === undefined || usage === undefined) return;
    account.running.delete(spender);
    account.spentMinor += costMinor(usage.servedMs, tariff);
    if (account.running.size > 0) return;
    this.#accounts.delete(name);
    this.#rest(name, account);
  }

  /** Whether the token's cap covers a key for `moreMs` of a viewing, beside all that goes on it. */
  covers(who: S, moreMs: number): boolean {
    const { token, tariff } = who.terms;
    const account = this.#accounts.get(nameOf(token, tariff.currency));
    if (token.cap === undefined || account === undefined) return true;
    const onItMinor = sum(
      account.running,
      (spender, usage) => usage.servedMs + this.#comingMs(spender, usage) + (spender === who ? moreMs : 0),
    );
    return account.spentMinor + onItMinor <= capMinor(token.cap, tariff.currency);
  }

  /**
   * The part of a report of served time that is to be recorded: what was not reported before, as far as the cap pays for it. All of
   * it for a viewing without a cap.
   */
  take(spender: S, span: SpanMs): SpanMs | undefined {
    const usage = this.#usage(spender);
    if (usage === undefined) return span;
    const fromMs = Math.max(span.fromMs, usage.reportedMs);
    const toMs = Math.min(span.toMs, fromMs + this.#leftMs(spender, usage));
    usage.reportedMs = Math.max(usage.reportedMs, span.toMs);
    if (toMs <= fromMs) return undefined;
    usage.servedMs += toMs - fromMs;
    return { fromMs, toMs };
  }

  /** Whether nothing that is served to a viewing from here on could be billed. */
  isUsedUp(spender: S): boolean {
    const usage = this.#usage(spender);
    return usage !== undefined && this.#leftMs(spender, usage) <= 0;
  }

  #usage(spender: S): Usage | undefined {
    const { token, tariff } = spender.terms;
    return this.#accounts.get(nameOf(token, tariff.currency))?.running.get(spender);
  }

  /** How much longer a viewing could be served if no other one were. */
  #leftMs(who: S, { servedMs }: Usage): number {
    const { token, tariff } = who.terms;
    const account = this.#accounts.get(nameOf(token, tariff.currency));
    if (token.cap === undefined || account === undefined) return Number.POSITIVE_INFINITY;
    const othersMinor = sum(account.running, (spender, usage) => (spender === who ? 0 : usage.servedMs));
    return affordableMs(capMinor(token.cap, tariff.currency) - account.spentMinor - othersMinor, tariff) - servedMs;
  }

  #comingMs(spender: S, { reportedMs }: Usage, untilMs = Number.POSITIVE_INFINITY): number {
    const { fromMs, toMs } = this.#prospect(spender);
    return Math.max(0, Math.min(toMs, untilMs) - Math.max(fromMs, reportedMs));
  }

  #account(token: ViewerToken, currency: string): Account<S> {
    const name = nameOf(token, currency);
    const known = this.#accounts.get(name) ?? this.#idle.get(name);
    if (known !== undefined) return known;
    let spentMinor = 0n;
    for (const record of this.#reader.viewings({ token: token.id })) {
      if (record.tariff.currency === currency) spentMinor += costMinor(billableMs(record), record.tariff);
    }
    const account: Account<S> = { spentMinor, running: new Map() };
    this.#rest(name, account);
    return account;
  }

  /** Kept rather than read again: the ledger may not have all of a viewing that has just ended. */
  #rest(name: string, account: Account<S>): void {
    this.#idle.set(name, account);
    const [oldest] = this.#idle.keys();
    if (this.#idle.size > MAX_IDLE && oldest !== undefined) this.#idle.delete(oldest);
  }
}

function sum<S extends Spender>(running: ReadonlyMap<S, Usage>, ms: (spender: S, usage: Usage) => number): bigint {
  let minor = 0n;
  for (const [spender, usage] of running) minor += costMinor(ms(spender, usage), spender.terms.tariff);
  return minor;
}

const nameOf = (token: ViewerToken, currency: string): string => `${token.id} ${currency}`;
