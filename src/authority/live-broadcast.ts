import type { Bus } from '../bus/bus.ts';
import type { Encryptor } from '../encryptor/key-source.ts';
import { unreachable } from '../errors.ts';
import { KeyRing } from '../keys/key-ring.ts';
import type { ScheduleCommand, ScheduleRules } from '../keys/schedule.ts';
import { ScheduleRunner } from '../keys/schedule-runner.ts';
import type { Entered, Entry } from '../ledger/entry.ts';
import { EpochTimes } from '../viewing/epoch-times.ts';
import { UpdateSpread } from '../viewing/update-spread.ts';
import { Audience } from './audience.ts';
import { type Insistence, insistOn } from './insistence.ts';
import type { CommonPorts, ViewingPorts, ViewingTerms } from './viewing-ports.ts';
import { ViewingSession } from './viewing-session.ts';

/** Keys of epochs that came to nothing, which a receipt may be on its way for. */
const VOID_KEYS_KEPT = 3;

export interface ViewingRules extends ScheduleRules {
  readonly minAnswerMs: number;
}

/** What a live broadcast needs of the authority that it belongs to. */
export interface BroadcastPorts extends CommonPorts {
  readonly bus: Bus;
  readonly rules: ViewingRules;
  /** In [0, 1). */
  readonly random: () => number;
  readonly encryptor: Encryptor;
}

/** The authority's side of one broadcast: its epochs, their keys, and who watches it. */
export class LiveBroadcast {
  readonly program: string;
  readonly id: string;
  readonly #audience = new Audience();
  readonly #ports: BroadcastPorts;
  readonly #schedule: ScheduleRunner;
  readonly #ring: KeyRing;
  readonly #epochs = new EpochTimes();
  readonly #spread: UpdateSpread<ViewingSession>;
  readonly #viewingPorts: ViewingPorts;
  #encryptor: Encryptor;
  /** What is recorded of it: see `#insist`. */
  #timeline: Promise<unknown> = Promise.resolve();
  readonly #started = Promise.withResolvers<void>();
  #away = false;
  /** No gate of an epoch up to this one opens any more: whoever has its key may not be seen. */
  #shutEpoch = 0;
  /** When the viewing that ended last did. */
  #settledMs = 0;
  #ended = false;

  constructor(program: string, id: string, lastEpoch: number, ports: BroadcastPorts) {
    this.program = program;
    this.id = id;
    this.#ports = ports;
    this.#encryptor = ports.encryptor;
    this.#ring = new KeyRing(ports.exchange.proofKey);
    this.#spread = new UpdateSpread(ports.clock, ports.timers);
    this.#schedule = new ScheduleRunner(lastEpoch, ports.rules, ports.clock, ports.timers, (command) => this.#carryOut(command));
    this.#viewingPorts = this.#portsOfViewings();
  }

  /** Who has its keys. */
  get encryptor(): Encryptor {
    return this.#encryptor;
  }

  /** Whether it can be watched: an epoch has begun. */
  get isLive(): boolean {
    return !this.#ended && this.#epochs.current !== undefined;
  }

  get isOver(): boolean {
    return this.#ended;
  }

  get lastEpoch(): number {
    return this.#schedule.state.lastEpoch;
  }

  get currentEpoch(): number | undefined {
    return this.#epochs.current;
  }

  get currentBeganMs(): number | undefined {
    const { current } = this.#epochs;
    return current === undefined ? undefined : this.#epochs.beganMs(current);
  }

  /** For how long a key may be sealed under at most. */
  get keyLifetimeMs(): number {
    return this.#ports.rules.periodMs + this.#ports.rules.graceMs;
  }

  /** Resolves once its beginning is durable: another authority would know it by its id. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** @param continues the broadcast that it goes on with */
  start(continues?: string): void {
    const goesOn = continues === undefined ? {} : { continues };
    const entry: Entry = { kind: 'broadcast-started', program: this.program, broadcast: this.id, ...goesOn };
    const isPointless = () => this.#ended;
    void this.#insist(entry, { what: 'the start of a broadcast could not be recorded', isPointless }).then((entered) => {
      if (entered !== undefined) this.#started.resolve();
    });
    this.#schedule.dispatch({ type: 'started' });
  }

  /**
   * The encryptor is about to seal the first chunk of an epoch; one whose line was cut says so late. What a viewing came to was told
   * at its end and is billed so: an epoch that is heard of later counts from that end on, in favour of those who watch on.
   */
  began(epoch: number, atMs: number): void {
    const countsFromMs = Math.max(atMs, this.#settledMs);
    this.#epochs.begin(epoch, countsFromMs);
    // Without it nothing of the epoch is billed.
    const entry: Entry = { kind: 'epoch-begun', program: this.program, broadcast: this.id, epoch, atMs: countsFromMs };
    void this.#insist(entry, { what: 'the beginning of an epoch could not be recorded' });
    this.#schedule.dispatch({ type: 'began', epoch, atMs });
    // The previous epoch's key stays for receipts on their way; its updates are over.
    this.#ring.forgetBefore(epoch - 1);
    for (const session of this.#audience) session.dispatch({ type: 'epoch-began', epoch });
  }

  /** No media comes: the broadcaster is away, or whoever encrypts. */
  away(): void {
    this.#schedule.dispatch({ type: 'away' });
    this.#spread.stop();
    if (this.#away) return;
    this.#away = true;
    this.#record({ kind: 'media-paused', program: this.program, broadcast: this.id, atMs: this.#ports.clock.nowMs() });
    for (const session of this.#audience) {
      session.dispatch({ type: 'away' });
      session.tell({ type: 'media', state: 'away' });
    }
  }

  /**
   * Whoever encrypts may do so no more: what it sends from here on reaches nobody. Edges let go of the program, and viewers come back to
   * them for another encryptor's first epoch.
   */
  shut(): void {
    this.away();
    this.#shutEpoch = this.lastEpoch;
    this.#leave(this.#audience.edges);
    for (const { link } of this.#audience) link.shut();
  }

  back(): void {
    this.#resumed();
    this.#schedule.dispatch({ type: 'back' });
  }

  /**
   * Another encryptor process goes on with it, or the same one that ran out of keys: a new epoch begins, under a number and a key
   * that nobody has had. What was on offer is void.
   */
  replaced(encryptor: Encryptor): void {
    this.#encryptor = encryptor;
    this.#spread.stop();
    this.#ring.forgetBefore(this.lastEpoch - VOID_KEYS_KEPT);
    this.#resumed();
    this.#schedule.dispatch({ type: 'replaced' });
  }

  #resumed(): void {
    if (!this.#away) return;
    this.#away = false;
    this.#record({ kind: 'media-resumed', program: this.program, broadcast: this.id, atMs: this.#ports.clock.nowMs() });
    for (const session of this.#audience) {
      this.#ports.catchUps.interrupted(session.terms.program, session.terms.viewer);
      session.dispatch({ type: 'back' });
      session.tell({ type: 'media', state: 'live' });
    }
  }

  admit(terms: ViewingTerms): ViewingSession {
    const session = new ViewingSession(terms, this.#ports.random(), this.#viewingPorts);
    this.#audience.add(session);
    return session;
  }

  /** In the order in which they began. */
  sessionsOf(viewer: string): readonly ViewingSession[] {
    return this.#audience.of(viewer);
  }

  /** Gives a new viewing the current epoch's key, and the next one's too once that is being handed out. */
  joined(session: ViewingSession): void {
    const { current, next } = { current: this.#epochs.current, next: this.#schedule.state.next };
    const epochs = current === undefined ? [] : [current];
    session.dispatch({ type: 'joined', epochs });
    // As if its place in the spread had just come, only that it has not had time to answer.
    if (next?.reserved && next.updatesMs === undefined) session.joinNext(next.epoch);
    this.connected(session);
  }

  /** Tells who has just connected, or connected again, what everybody else was told. */
  connected(session: ViewingSession): void {
    if (this.#away) session.tell({ type: 'media', state: 'away' });
  }

  end(reason: 'broadcast-ended' | 'program-removed' | 'shutdown'): void {
    if (this.#ended) return;
    this.#ended = true;
    const atMs = this.#ports.clock.nowMs();
    this.#spread.stop();
    this.#schedule.dispatch({ type: 'ended' });
    this.#epochs.end(atMs);
    const { edges } = this.#audience;
    for (const session of [...this.#audience]) session.dispatch({ type: 'end', reason });
    // Without it its last epoch would go on for ever.
    const entry: Entry = { kind: 'broadcast-ended', program: this.program, broadcast: this.id, atMs, reason };
    void this.#insist(entry, { what: 'the end of a broadcast could not be recorded' });
    this.#leave(edges);
    this.#ring.forgetBefore(Number.POSITIVE_INFINITY);
  }

  /** Edges let go of the program. */
  #leave(edges: ReadonlySet<string>): void {
    for (const edge of edges) this.#ports.bus.gates.publish(edge, { kind: 'ended', program: this.program });
  }

  #carryOut(command: ScheduleCommand): void {
    switch (command.type) {
      case 'reserve':
        void this.#reserve(command.epoch);
        return;
      case 'offer': {
        const contentKey = this.#ring.contentKey(command.epoch);
        if (contentKey === undefined) return;
        this.#encryptor.offer({
          key: { program: this.program, epoch: command.epoch, contentKey: Uint8Array.from(contentKey) },
          notBeforeMs: command.notBeforeMs,
          notAfterMs: command.notAfterMs,
          lifetimeMs: this.keyLifetimeMs,
        });
        return;
      }
      case 'send-updates':
        this.#spread.run(this.#audience, command.fromMs, command.spreadMs, (session) => session.updateDue(command.epoch));
        return;
      default:
        unreachable(command);
    }
  }

  /** Uses up an epoch's number, durably, before there is a key. */
  async #reserve(epoch: number): Promise<void> {
    const { program, id: broadcast } = this;
    const entry: Entry = { kind: 'epoch-reserved', program, broadcast, epoch };
    const isPointless = () => this.#ended;
    const reserved = await this.#insist(entry, { what: 'an epoch could not be reserved', isPointless });
    if (reserved === undefined || this.#ended) return;
    this.#ring.create(epoch);
    this.#schedule.dispatch({ type: 'reserved', epoch });
  }

  /**
   * Its start, its epochs' reservations and beginnings, and its end, one after the other: what one of them says is nothing in a ledger that
   * has not taken the one before.
   */
  #insist(entry: Entry, { what, isPointless }: Pick<Insistence, 'what' | 'isPointless'>): Promise<Entered | undefined> {
    const refused = () => {
      for (const session of this.#audience) session.entryLost();
    };
    const recorded = this.#timeline.then(() =>
      insistOn(entry, this.#ports, { what, refused, ...(isPointless && { isPointless }) }),
    );
    this.#timeline = recorded;
    return recorded;
  }

  #portsOfViewings(): ViewingPorts {
    return {
      ...this.#ports,
      ring: this.#ring,
      epochs: this.#epochs,
      gate: (edge, change) => this.#ports.bus.gates.publish(edge, change),
      startsMs: (epoch) => {
        const { next } = this.#schedule.state;
        return next?.epoch === epoch ? next.plannedMs : 0;
      },
      isShut: (epoch) => epoch <= this.#shutEpoch,
      settled: (atMs) => {
        this.#settledMs = Math.max(atMs, this.#settledMs);
      },
      ended: (session, reason) => {
        this.#audience.delete(session);
        this.#ports.ended(session, reason);
      },
    };
  }

  #record(entry: Entry): void {
    this.#ports
      .record(entry)
      .catch((error) =>
        this.#ports.log.error(
          { err: error, entry: entry.kind },
          'a ledger entry was lost: see the errors of the ledger before this',
        ),
      );
  }
}
