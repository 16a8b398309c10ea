import type { SpanMs } from '../billing/viewing-record.ts';
import type { Clock } from '../clock.ts';
import type { Ledger, LedgerReader } from '../ledger/ledger.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { WatchRequest } from './admission.ts';
import { Credit } from './credit.ts';
import { KeyDebt } from './key-debt.ts';
import type { LiveBroadcast, ViewingRules } from './live-broadcast.ts';
import { prospect } from './prospect.ts';
import type { ViewingSession } from './viewing-session.ts';

/** What becomes of a viewing that is one too many of a viewer's: its oldest is superseded, or the newest refused. */
export const WHEN_AT_LIMIT = ['newest-wins', 'oldest-wins'] as const;
export type WhenAtLimit = (typeof WHEN_AT_LIMIT)[number];

export interface LimitRules extends ViewingRules {
  /** How many viewings of one program a viewer may have at once. */
  readonly maxViewingsPerViewer: number;
  readonly whenAtLimit: WhenAtLimit;
  /** How many viewings there may be in all. */
  readonly maxViewings: number;
}

export interface LimitPorts {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly reader: LedgerReader;
  readonly rules: LimitRules;
  /** What is under way of a program. */
  broadcast(program: string): LiveBroadcast | undefined;
}

/** Whether another viewing may begin now, and whether one may go on: how many there are, unconfirmed keys, spending caps. */
export class Limits {
  readonly credit: Credit<ViewingSession>;
  readonly debt: KeyDebt;
  readonly #ports: LimitPorts;

  constructor(ports: LimitPorts) {
    this.#ports = ports;
    this.debt = new KeyDebt(ports.clock);
    this.credit = new Credit(ports.reader, ports.clock, (session) => this.#prospect(session));
  }

  /**
   * @param viewings how many there are
   * @returns those of the viewer's own that have to go for it; no limit counts what they would still have used
   * @throws Refusal `try-later`, `viewing-limit`, `too-many-viewings`, `unavailable`, `credit-exhausted`
   */
  admit({ token, watch }: WatchRequest, broadcast: LiveBroadcast, viewings: number): readonly ViewingSession[] {
    const { program, tariff } = watch.statement;
    const { debt, credit } = this;
    const { ledger, rules } = this.#ports;
    const own = broadcast.sessionsOf(token.viewer).filter(({ isOver }) => !isOver);
    const mayGo = rules.whenAtLimit === 'newest-wins' ? own : own.filter(isLost);
    const tooMany = Math.max(0, own.length + 1 - rules.maxViewingsPerViewer);
    const leaving = mayGo.slice(0, tooMany);
    const waitMs = debt.waitMs(program, token.viewer);
    if (waitMs > 0)
      throw new Refusal('try-later', `too many keys were not confirmed; try again in ${Math.ceil(waitMs / 1_000)} s`, waitMs);
    if (leaving.length < tooMany)
      throw new Refusal('viewing-limit', `this viewer is watching ${program} already; stop watching elsewhere, then try again`);
    if (viewings - leaving.length >= rules.maxViewings)
      throw new Refusal('too-many-viewings', 'this server is full; try again later');
    if (ledger.state.fault !== undefined) throw new Refusal('unavailable', 'viewings cannot begin now; try again soon');
    if (!credit.admits(token, tariff, rules.periodMs + rules.graceMs, leaving))
      throw new Refusal('credit-exhausted', "the token's spending cap does not cover another key period");
    return leaving;
  }

  /** Whether a viewing may have a key for `moreMs`. Who has the newest that there is gets none that it would have to pay for. */
  creditCovers(session: ViewingSession, moreMs: number): boolean {
    const newest = this.#ports.broadcast(session.terms.program)?.lastEpoch;
    return session.state.keys.at(-1)?.epoch === newest || this.credit.covers(session, moreMs);
  }

  /** A viewing has ended, at what it was served. */
  ended(session: ViewingSession): void {
    this.debt.ended(session.terms);
    this.credit.close(session);
  }

  #prospect(session: ViewingSession): SpanMs {
    return prospect(session, this.#ports.broadcast(session.terms.program), this.#ports.clock.nowMs());
  }
}

/** Nobody is at the other end of its control socket: who has lost it is not kept out by it. */
const isLost = ({ state }: ViewingSession): boolean => state.lostMs !== undefined;
