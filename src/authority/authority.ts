import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { sameTariff } from '../billing/tariff.ts';
import type { Bus, Delivery, EdgeAnnouncement, GateChange } from '../bus/bus.ts';
import type { Clock, Timers } from '../clock.ts';
import type { Encryptor } from '../encryptor/key-source.ts';
import type { Entry } from '../ledger/entry.ts';
import type { Ledger, LedgerReader } from '../ledger/ledger.ts';
import type { ProgramInfo, ServerMessage } from '../protocol/messages.ts';
import { Refusal } from '../protocol/refusal.ts';
import { hashTicket, newTicket } from '../tokens/media-ticket.ts';
import type { EndReason } from '../viewing/end-reason.ts';
import { agreedOnResume, checkWatch, type WatchRequest } from './admission.ts';
import { CatchUps } from './catch-ups.ts';
import { Credit } from './credit.ts';
import { EdgeDirectory } from './edge-directory.ts';
import { KeyDebt } from './key-debt.ts';
import { LiveBroadcast, type ViewingRules } from './live-broadcast.ts';
import type { Channel } from './outbox.ts';
import { Programs } from './programs.ts';
import type { ViewingSession } from './viewing-session.ts';

/** How long `close` waits for viewings to end. */
const CLOSE_WITHIN_MS = 2_500;

export interface AuthorityRules extends ViewingRules {
  /** How many viewings of one program a viewer may have at once; its oldest is superseded by a newer one. */
  readonly maxViewingsPerViewer: number;
  /** How many viewings there may be in all. */
  readonly maxViewings: number;
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
}

/** Makes keys, delivers key updates, demands receipts (DESIGN.md, section 3): the programs, their broadcasts and their viewings. */
export class Authority {
  readonly programs: Programs;
  readonly broadcasts = new Map<string, LiveBroadcast>();
  readonly #ports: AuthorityPorts;
  readonly #debt: KeyDebt;
  readonly #credit: Credit;
  readonly #catchUps: CatchUps;
  /** The highest epoch of each program that this process reserved. */
  readonly #lastEpochs = new Map<string, number>();
  readonly #unsubscribe: readonly (() => void)[];
  readonly #endings = new Map<EndReason, number>();
  /** Every viewing that has not ended, those of broadcasts that have among them. */
  readonly #sessions = new Map<string, ViewingSession>();
  readonly #edges: EdgeDirectory;
  /** Viewings for which there was no edge when they were to have a ticket. */
  readonly #ticketless = new Set<ViewingSession>();
  #isClosing = false;
  /** For `close`: what is called when no viewing is left. */
  #lastEnded: () => void = () => undefined;

  constructor(ports: AuthorityPorts) {
    this.#ports = ports;
    this.#debt = new KeyDebt(ports.clock);
    this.#edges = new EdgeDirectory(ports.clock);
    this.#catchUps = new CatchUps(ports.rules.periodMs);
    this.#credit = new Credit(ports.reader, ports.rules.periodMs + 2_000);
    this.programs = new Programs(() => ports.reader.programs());
    this.#unsubscribe = [
      ports.bus.deliveries.subscribe((delivery) => this.#delivered(delivery)),
      ports.bus.edges.subscribe((announcement) => this.#edgeHeard(announcement)),
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

  /** Why a stream key does not open a program to a broadcaster; undefined if it does. @param streamKeyHash SHA-256, hex */
  verifyStreamKey(program: string, streamKeyHash: string): { readonly code: string; readonly message: string } | undefined {
    if (!this.programs.opens(program, streamKeyHash)) this.programs.refresh();
    if (this.programs.opens(program, streamKeyHash)) return undefined;
    if (this.programs.get(program) === undefined) return { code: 'program-unknown', message: `there is no program ${program}` };
    return { code: 'stream-key-wrong', message: `that is not the stream key of ${program}` };
  }

  /** @param continues the broadcast that it goes on with, after this authority was restarted: their viewings are one charge */
  startBroadcast(program: string, id: string, encryptor: Encryptor, continues?: string): LiveBroadcast {
    if (this.broadcasts.has(program)) throw new Error(`${program} has a broadcast already`);
    const lastEpoch = this.#lastEpochs.get(program) ?? this.#ports.reader.lastEpoch(program);
    const broadcast = new LiveBroadcast(program, id, lastEpoch, {
      clock: this.#ports.clock,
      timers: this.#ports.timers,
      log: this.#ports.log,
      bus: this.#ports.bus,
      rules: this.#ports.rules,
      record: (entry) => this.#ports.ledger.append(entry),
      encryptor,
      ticket: (session) => this.#ticket(session),
      keySent: ({ terms }) => this.#debt.given(terms.program, terms.viewer),
      catchUps: this.#catchUps,
      creditCovers: (session, moreMs) => this.#credit.covers(session.terms.token, session, moreMs),
      keyConfirmed: ({ terms }) => this.#debt.confirmed(terms.program, terms.viewer),
      ended: (session, reason) => {
        this.#sessions.delete(session.id);
        this.#ticketless.delete(session);
        if (this.#sessions.size === 0) this.#lastEnded();
        this.#credit.close(session.terms.token, session);
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

  /**
   * Begins a viewing: consent is taken and ledgered, the first keys are on their way.
   * @throws Refusal
   */
  async watch(request: WatchRequest): Promise<ViewingSession> {
    const { token, watch, channel } = request;
    const { program: name, tariff } = watch.statement;
    await checkWatch(request);
    if (this.programs.get(name) === undefined) this.programs.refresh();
    const program = this.programs.get(name);
    if (program === undefined) throw new Refusal('program-unknown', `there is no program ${name}`);
    if (!sameTariff(program.tariff, tariff))
      throw new Refusal('tariff-changed', `the price of ${name} has changed; ask for it again`);
    const broadcast = this.broadcasts.get(name);
    if (!broadcast?.isLive) throw new Refusal('not-live', `${name} is not live now`);
    this.#checkLimits(name, token.viewer);
    const { periodMs, graceMs } = this.#ports.rules;
    if (!this.#credit.admits(token, tariff, periodMs + graceMs))
      throw new Refusal('credit-exhausted', "the token's spending cap does not cover another key period");
    this.#supersede(broadcast, token.viewer);
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
    this.#credit.open(token, session);
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
    this.#ports.ledger.append(consent).catch((error) => this.#ports.log.error({ err: error }, 'a consent was not recorded'));
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
    const agreeKey = await agreedOnResume(jws, session.terms.signKey, viewing, challenge);
    if (session.isOver) throw new Refusal('resume-invalid', 'that viewing is over; watch anew');
    session.attach(channel, agreeKey, true);
    this.broadcasts.get(session.terms.program)?.connected(session);
    return session;
  }

  /** Makes another media ticket, which voids the one before and its socket. */
  newTicket(session: ViewingSession): void {
    session.rejoin();
    session.tell(this.#ticket(session));
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

  /** What an edge says of viewings that are over, or of an earlier authority's, is nothing to bill by. */
  #delivered(delivery: Delivery): void {
    if (delivery.kind !== 'served') {
      this.#sessions.get(delivery.viewing)?.link.delivered(delivery);
      return;
    }
    const spans = delivery.spans.filter(([viewing]) => this.#sessions.has(viewing));
    if (spans.length === 0) return;
    const { program, epoch } = delivery;
    const entry: Entry = { kind: 'served', program, epoch, spans: spans.map(([...span]) => span) };
    this.#ports.ledger.append(entry).catch((error) => this.#ports.log.error({ err: error }, 'served time was not recorded'));
    for (const [viewing, fromMs, toMs] of spans) this.#sessions.get(viewing)?.served(fromMs, toMs);
  }

  #checkLimits(program: string, viewer: string): void {
    const waitMs = this.#debt.waitMs(program, viewer);
    if (waitMs > 0)
      throw new Refusal('try-later', `too many keys were not confirmed; try again in ${Math.ceil(waitMs / 1_000)} s`);
    if (this.viewings >= this.#ports.rules.maxViewings)
      throw new Refusal('too-many-viewings', 'this server is full; try again later');
    const { fault } = this.#ports.ledger.state;
    if (fault !== undefined) throw new Refusal('unavailable', 'viewings cannot begin now; try again soon');
  }

  #supersede(broadcast: LiveBroadcast, viewer: string): void {
    const own = [...broadcast.sessions.values()].filter((session) => session.terms.viewer === viewer && !session.isOver);
    const tooMany = own.length + 1 - this.#ports.rules.maxViewingsPerViewer;
    for (const session of own.slice(0, Math.max(0, tooMany))) session.dispatch({ type: 'end', reason: 'superseded' });
  }

  #edgeHeard(announcement: EdgeAnnouncement): void {
    this.#edges.heard(announcement);
    if (announcement.leaving) return;
    for (const session of [...this.#ticketless]) session.tell(this.#ticket(session));
  }

  /** Sends a viewing to the edge it is with, or if that is gone, to another. */
  #ticket(session: ViewingSession): ServerMessage {
    const edge = this.#edges.choose(session.link.edge);
    if (edge === undefined) {
      this.#ticketless.add(session);
      const message = 'no edge can be reached now; a ticket follows when one is';
      return { type: 'error', code: 'unavailable', message, fatal: false };
    }
    this.#ticketless.delete(session);
    if (edge.edge !== session.link.edge) session.link.moveTo(edge.edge);
    const { program } = session.terms;
    const ticket = newTicket();
    const expiresInMs = this.#ports.rules.ticketLifetimeMs;
    this.#ports.bus.gates.publish(edge.edge, {
      kind: 'ticket',
      program,
      viewing: session.id,
      ticketHash: hashTicket(ticket),
      expiresInMs,
    });
    const path = `/v1/programs/${encodeURIComponent(program)}/media?ticket=${ticket}`;
    return { type: 'ticket', ticket, url: `${edge.url}${path}`, expiresInMs };
  }

  /** All that an edge should have open. A ticket that was lost on its way is asked for again by the viewer. */
  #snapshot(edge: string): readonly GateChange[] {
    return [...this.#sessions.values()].filter(({ link }) => link.edge === edge).flatMap(({ link }) => link.gates);
  }
}
