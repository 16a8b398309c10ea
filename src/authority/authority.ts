import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { sameTariff } from '../billing/tariff.ts';
import type { Bus, GateChange } from '../bus/bus.ts';
import type { Clock, Timers } from '../clock.ts';
import type { Encryptor, StreamKeyRefusal } from '../encryptor/key-source.ts';
import type { VerifiedWatch } from '../keys/node/watch.ts';
import type { Ledger, LedgerReader } from '../ledger/ledger.ts';
import type { ProgramInfo } from '../protocol/messages.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { EndReason } from '../viewing/end-reason.ts';
import type { WatchRequest } from './admission.ts';
import { CatchUps } from './catch-ups.ts';
import { Deliveries } from './deliveries.ts';
import type { KeyDebt } from './key-debt.ts';
import { type KeyExchange, nodeKeyExchange } from './key-exchange.ts';
import { type LimitRules, Limits } from './limits.ts';
import { LiveBroadcast } from './live-broadcast.ts';
import { MediaTickets } from './media-tickets.ts';
import type { Channel } from './outbox.ts';
import { PATIENCE_MS } from './patience.ts';
import { Programs } from './programs.ts';
import type { ViewingSession } from './viewing-session.ts';

/** How long `close` waits for viewings to end. */
const CLOSE_WITHIN_MS = 2_500;

export interface AuthorityRules extends LimitRules {
  readonly ticketLifetimeMs: number;
}

export interface AuthorityPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  readonly bus: Bus;
  readonly ledger: Ledger;
  readonly reader: LedgerReader;
  readonly rules: AuthorityRules;
  readonly exchange?: KeyExchange;
  /** In [0, 1): for each viewing's place in the spread of updates. */
  readonly random?: () => number;
  /** Told of each receipt that is durable, how long after its key was sent. */
  readonly receiptDurable?: (afterMs: number) => void;
}

/** Makes keys, delivers key updates, demands receipts (DESIGN.md, section 3): the programs, their broadcasts and their viewings. */
export class Authority {
  readonly programs: Programs;
  readonly broadcasts = new Map<string, LiveBroadcast>();
  readonly #ports: AuthorityPorts;
  readonly #exchange: KeyExchange;
  readonly #limits: Limits;
  readonly catchUps: CatchUps;
  /** The highest epoch of each program that this process reserved. */
  readonly #lastEpochs = new Map<string, number>();
  readonly #unsubscribe: readonly (() => void)[];
  readonly #endings = new Map<EndReason, number>();
  /** Every viewing that has not ended, those of broadcasts that have among them. */
  readonly #sessions = new Map<string, ViewingSession>();
  readonly #tickets: MediaTickets;
  #keys = 0;
  #resumed = 0;
  #isClosing = false;
  /** For `close`: what is called when no viewing is left. */
  #lastEnded: () => void = () => undefined;

  constructor(ports: AuthorityPorts) {
    this.#ports = ports;
    this.#exchange = ports.exchange ?? nodeKeyExchange;
    this.#tickets = new MediaTickets(ports, ports.rules.ticketLifetimeMs, () => this.sessions());
    this.catchUps = new CatchUps(ports.rules.periodMs);
    this.#limits = new Limits({ ...ports, broadcast: (program) => this.broadcasts.get(program) });
    const { ledger, log } = ports;
    const deliveries = new Deliveries({ ledger, log, credit: this.#limits.credit, viewing: (id) => this.viewing(id) });
    this.programs = new Programs(() => ports.reader.programs());
    this.#unsubscribe = [
      ports.bus.deliveries.subscribe((delivery) => deliveries.take(delivery)),
      ports.bus.edges.subscribe((announcement) => this.#tickets.heard(announcement)),
      ports.bus.gates.serveSnapshots((edge) => this.#snapshot(edge)),
      ports.ledger.onForeign(({ entry }) => {
        this.programs.apply(entry);
        if (entry.kind === 'program-removed') this.removeProgram(entry.program);
      }),
    ];
  }

  /** How many viewings ended by what, since the start. */
  get endings(): ReadonlyMap<EndReason, number> {
    return this.#endings;
  }

  /** Where viewers can be sent. */
  get edges(): number {
    return this.#tickets.edges;
  }

  /** Viewings that wait for one. */
  get withoutEdge(): number {
    return this.#tickets.ticketless;
  }

  /** Messages to viewers that are not made yet. */
  get waitingMessages(): number {
    return [...this.#sessions.values()].reduce((sum, { waitingMessages }) => sum + waitingMessages, 0);
  }

  /** Keys given and never confirmed. */
  get debt(): KeyDebt {
    return this.#limits.debt;
  }

  /** Since the start: keys sent, tickets given out, control sockets that took a viewing over. */
  get totals(): { readonly keys: number; readonly tickets: number; readonly resumed: number } {
    return { keys: this.#keys, tickets: this.#tickets.issued, resumed: this.#resumed };
  }

  get viewings(): number {
    return this.#sessions.size;
  }

  /** No broadcast begins any more. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  sessions(): Iterable<ViewingSession> {
    return this.#sessions.values();
  }

  list(): ProgramInfo[] {
    return this.programs
      .all()
      .map(({ name, title, tariff }) => ({ name, title, tariff, live: this.broadcasts.get(name)?.isLive ?? false }));
  }

  /** See Programs. */
  verifyStreamKey(program: string, streamKeyHash: string): StreamKeyRefusal | undefined {
    return this.programs.verify(program, streamKeyHash);
  }

  /** @param continues the broadcast that it goes on with, after this authority was restarted: their viewings are one charge */
  startBroadcast(program: string, id: string, encryptor: Encryptor, continues?: string): LiveBroadcast {
    if (this.#isClosing) throw new Error('no broadcast begins any more');
    if (this.broadcasts.has(program)) throw new Error(`${program} has a broadcast already`);
    const lastEpoch = this.#lastEpochs.get(program) ?? this.#ports.reader.lastEpoch(program);
    const broadcast = new LiveBroadcast(program, id, lastEpoch, {
      clock: this.#ports.clock,
      timers: this.#ports.timers,
      log: this.#ports.log,
      bus: this.#ports.bus,
      rules: this.#ports.rules,
      exchange: this.#exchange,
      random: this.#ports.random ?? Math.random,
      record: (...given) => this.#ports.ledger.append(...given),
      encryptor,
      ticket: (session) => this.#tickets.issue(session),
      keySent: ({ terms }) => {
        this.#keys++;
        this.#limits.debt.given(terms);
      },
      receiptDurable: (afterMs) => this.#ports.receiptDurable?.(afterMs),
      catchUps: this.catchUps,
      creditCovers: (session, moreMs) => this.#limits.creditCovers(session, moreMs),
      keyConfirmed: ({ terms }) => this.#limits.debt.confirmed(terms),
      ended: (session, reason) => {
        this.#sessions.delete(session.id);
        this.#tickets.forget(session);
        if (this.#sessions.size === 0) this.#lastEnded();
        this.#limits.ended(session);
        this.#endings.set(reason, (this.#endings.get(reason) ?? 0) + 1);
      },
    });
    this.broadcasts.set(program, broadcast);
    broadcast.start(continues);
    return broadcast;
  }

  /** Whoever encrypts it is told as well. */
  removeProgram(program: string): void {
    const broadcast = this.broadcasts.get(program);
    this.endBroadcast(program, 'program-removed');
    broadcast?.encryptor.end('program-removed');
  }

  endBroadcast(program: string, reason: 'broadcast-ended' | 'program-removed' | 'shutdown'): void {
    const broadcast = this.broadcasts.get(program);
    if (broadcast === undefined) return;
    this.#lastEpochs.set(program, broadcast.lastEpoch);
    broadcast.end(reason);
    this.broadcasts.delete(program);
  }

  /** See KeyExchange. @throws Error */
  verifyWatch(jws: string): Promise<VerifiedWatch> {
    return this.#exchange.verifyWatch(jws);
  }

  /**
   * Begins a viewing: consent is taken and ledgered, the first keys are on their way.
   * @throws Refusal
   */
  async watch(request: WatchRequest): Promise<ViewingSession> {
    const { token, watch, channel } = request;
    const { program: name, tariff } = watch.statement;
    this.#exchange.checkWatch(request);
    const program = this.programs.find(name);
    if (program === undefined) throw new Refusal('program-unknown', `there is no program ${name}`);
    if (!sameTariff(program.tariff, tariff))
      throw new Refusal('tariff-changed', `the price of ${name} has changed; ask for it again`);
    const broadcast = this.broadcasts.get(name);
    if (!broadcast?.isLive) throw new Refusal('not-live', `${name} is not live now`);
    for (const own of this.#limits.admit(request, broadcast, this.viewings)) {
      own.dispatch({ type: 'end', reason: 'superseded' });
      // Its end is recorded a moment later; what it owes counts from now.
      this.#limits.debt.ended(own.terms);
    }
    const session = broadcast.admit({
      viewing: randomUUID(),
      viewer: token.viewer,
      program: name,
      title: program.title,
      broadcast: broadcast.id,
      tariff,
      token,
      signKey: watch.signKey,
    });
    this.#sessions.set(session.id, session);
    this.#limits.credit.open(session);
    const { viewing, viewer } = session.terms;
    const consent = {
      kind: 'consent',
      viewing,
      viewer,
      program: name,
      broadcast: broadcast.id,
      tariff,
      token: token.id,
      watch: request.jws,
    } as const;
    this.#ports.ledger.append(consent, PATIENCE_MS).catch((error) => {
      session.entryLost();
      this.#ports.log.error(
        { err: error },
        'a consent was not recorded, and its viewing is not billed: see the errors of the ledger before this',
      );
    });
    session.attach(channel, watch.agreeKey, false);
    broadcast.joined(session);
    return session;
  }

  /**
   * Gives a viewing whose control socket was lost to the new one, if its device asks.
   * @throws Refusal `resume-invalid`
   */
  async resume(viewing: string, jws: string, challenge: string, channel: Channel): Promise<ViewingSession> {
    const session = this.viewing(viewing);
    if (session === undefined || session.isOver) throw new Refusal('resume-invalid', 'that viewing is over; watch anew');
    const agreeKey = await this.#exchange.agreedOnResume(jws, session.terms.signKey, viewing, challenge);
    if (session.isOver) throw new Refusal('resume-invalid', 'that viewing is over; watch anew');
    this.#resumed++;
    session.attach(channel, agreeKey, true);
    this.broadcasts.get(session.terms.program)?.connected(session);
    return session;
  }

  /** Makes another media ticket, which voids the one before and its socket. */
  newTicket(session: ViewingSession): void {
    if (session.isOver) return;
    const ticket = this.#tickets.issue(session);
    session.rejoin();
    session.tell(ticket);
  }

  viewing(id: string): ViewingSession | undefined {
    return this.#sessions.get(id);
  }

  /** Ends every broadcast and viewing; resolves once their ends are recorded, as far as edges and ledger let them in time. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const program of [...this.broadcasts.keys()]) this.endBroadcast(program, 'shutdown');
    if (this.#sessions.size > 0) {
      const ended = Promise.withResolvers<void>();
      this.#lastEnded = ended.resolve;
      const cancel = this.#ports.timers.after(CLOSE_WITHIN_MS, ended.resolve);
      await ended.promise;
      cancel();
    }
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  /** All that an edge should have open. A ticket that was lost on its way is asked for again by the viewer. */
  #snapshot(edge: string): readonly GateChange[] {
    return [...this.#sessions.values()].filter(({ link }) => link.edge === edge).flatMap(({ link }) => link.gates);
  }
}
