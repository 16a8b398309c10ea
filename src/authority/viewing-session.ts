import type { KeyObject } from 'node:crypto';
import { runningCharge } from '../billing/charge.ts';
import { LiveMeter } from '../billing/live-meter.ts';
import { unreachable } from '../errors.ts';
import type { Entered, Entry } from '../ledger/entry.ts';
import type { ErrorCode, ServerMessage, Usage } from '../protocol/messages.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { EndReason } from '../viewing/end-reason.ts';
import { newViewing, stepViewing, type Viewing, type ViewingCommand, type ViewingEvent } from '../viewing/viewing.ts';
import { AnswerDeadline } from './answer-deadline.ts';
import { EdgeLink } from './edge-link.ts';
import { insistOn } from './insistence.ts';
import { KeyUpdates } from './key-updates.ts';
import { type Channel, Outbox } from './outbox.ts';
import { PATIENCE_MS, receiptPatienceMs } from './patience.ts';
import type { ViewingPorts, ViewingTerms } from './viewing-ports.ts';

/** How long the end waits for the ledger before the viewer is told all the same. */
const END_WAIT_MS = 2_000;

/** Runs one viewing: feeds its state machine, carries out what that commands. */
export class ViewingSession {
  readonly terms: ViewingTerms;
  /** See UpdateSpread. */
  readonly place: number;
  readonly #ports: ViewingPorts;
  readonly #meter: LiveMeter;
  readonly #outbox: Outbox;
  readonly link: EdgeLink;
  #state: Viewing = newViewing;
  readonly #keys: KeyUpdates;
  #receipts = new Map<number, { readonly chunks: number; readonly jws: string }>();
  readonly #deadline: AnswerDeadline;
  /** All that its bill is made of was taken by the ledger. */
  #isWhole = true;
  /** The newest epoch whose key this viewing was given. */
  #newestGiven = 0;

  constructor(terms: ViewingTerms, place: number, ports: ViewingPorts) {
    this.terms = terms;
    this.place = place;
    this.#ports = ports;
    this.#meter = new LiveMeter(ports.epochs);
    this.#keys = new KeyUpdates(terms.viewing, ports);
    this.#deadline = new AnswerDeadline(ports.clock, ports.timers, () => this.#deadlinePassed());
    this.#outbox = new Outbox((error) =>
      ports.log.error({ err: error, viewing: terms.viewing }, 'a message to a viewer could not be made; its socket is closed'),
    );
    this.link = new EdgeLink(
      { program: terms.program, viewing: terms.viewing },
      {
        clock: ports.clock,
        timers: ports.timers,
        gate: (edge, change) => ports.gate(edge, change),
        tooSlow: () => this.dispatch({ type: 'end', reason: 'too-slow' }),
        closed: (lastChunkMs) => this.dispatch({ type: 'delivered', ...(lastChunkMs === undefined ? {} : { lastChunkMs }) }),
      },
    );
  }

  get id(): string {
    return this.terms.viewing;
  }

  get state(): Viewing {
    return this.#state;
  }

  get isOver(): boolean {
    return this.#state.phase === 'ending' || this.#state.phase === 'ended';
  }

  /** Messages on their way to its viewer that are not made yet. */
  get waitingMessages(): number {
    return this.#outbox.waiting;
  }

  get billableMs(): number {
    return this.#meter.billableMs;
  }

  usage(): Usage {
    const charge = runningCharge(this.#meter.billableMs, this.terms.tariff);
    return {
      billableMs: this.#meter.billableMs,
      billableSeconds: charge.billableSeconds,
      amount: charge.amount,
      currency: this.terms.tariff.currency,
    };
  }

  /** Takes a control socket, in place of the one before, and agrees on a new session key. */
  attach(channel: Channel, agree: KeyObject, resumed: boolean): void {
    this.#outbox.attach(channel);
    const sessionKey = this.#keys.newSession(agree);
    const { viewing, program, title, broadcast, tariff } = this.terms;
    this.#outbox.later(async () => ({
      type: 'viewing',
      viewing,
      program,
      title,
      broadcast,
      tariff,
      sessionKey: sessionKey(),
      resumed,
    }));
    if (!resumed) return;
    this.dispatch({ type: 'resumed' });
    const { phase, confirmedEpoch } = this.#state;
    // The word of it, and the ticket that came with it, may have been lost with the socket.
    if (phase === 'started' && confirmedEpoch !== undefined) this.#tellConfirmed(confirmedEpoch, false);
  }

  /** The control socket was lost. A socket that was superseded before is none of ours. */
  lost(channel: Channel): void {
    if (this.#outbox.detach(channel)) this.dispatch({ type: 'lost' });
  }

  tell(message: ServerMessage): void {
    this.#outbox.tell(message);
  }

  /** @throws Refusal `receipt-invalid` */
  receive(jws: string): Promise<void> {
    return this.#deadline.looking(() => this.#receive(jws));
  }

  async #receive(jws: string): Promise<void> {
    const awaited = (epoch: number) =>
      this.#state.keys.some((key) => key.epoch === epoch) ? this.#ports.ring.proofKey(epoch) : undefined;
    const statement = await this.#ports.exchange
      .verifyReceipt(jws, this.id, this.terms.signKey, awaited)
      .catch((error: Error) => {
        throw new Refusal('receipt-invalid', `receipt refused: ${error.message}`);
      });
    if (this.#receipts.has(statement.epoch)) return;
    this.#receipts.set(statement.epoch, { chunks: statement.chunks, jws });
    this.dispatch({ type: 'receipt', epoch: statement.epoch });
    this.#receipts.delete(statement.epoch);
  }

  /** Served time that counts. */
  served(fromMs: number, toMs: number): void {
    const beforeMs = this.#meter.billableMs;
    this.#meter.serve({ fromMs, toMs });
    const { program, viewer } = this.terms;
    this.#ports.catchUps.paid(program, viewer, this.#meter.billableMs - beforeMs);
  }

  /** The time for an epoch's update has come: credit is looked at first. */
  updateDue(epoch: number): void {
    if (!this.#creditCoversAnother()) this.dispatch({ type: 'exhausted' });
    this.dispatch({ type: 'update-due', epoch });
  }

  /** It has just joined, while the next epoch's key is being handed out: it gets that as well, if its credit covers both. */
  joinNext(epoch: number): void {
    if (this.#creditCoversAnother()) this.dispatch({ type: 'joined', epochs: [epoch] });
  }

  #creditCoversAnother(): boolean {
    const { periodMs, graceMs } = this.#ports.rules;
    return this.#ports.creditCovers(this, periodMs + graceMs);
  }

  dispatch(event: ViewingEvent): void {
    const { clock, epochs, rules } = this.#ports;
    const nowMs = clock.nowMs();
    const [state, commands] = stepViewing(this.#state, event, {
      nowMs,
      minAnswerMs: rules.minAnswerMs,
      periodMs: rules.periodMs,
      epochEndMs: (epoch) => epochs.endedMs(epoch),
    });
    const deadlineMoved = state.deadlineMs !== this.#state.deadlineMs;
    this.#state = state;
    if (deadlineMoved) this.#deadline.set(state.deadlineMs);
    for (const command of commands) this.#carryOut(command);
  }

  #deadlinePassed(): void {
    this.dispatch({ type: 'deadline' });
    const { deadlineMs } = this.#state;
    if (deadlineMs !== undefined) this.#deadline.set(deadlineMs);
  }

  #carryOut(command: ViewingCommand): void {
    switch (command.type) {
      case 'send-key':
        this.#sendKey(command.epoch);
        return;
      case 'commit-receipt':
        void this.#commitReceipt(command.epoch);
        return;
      case 'record-start':
        this.#meter.start(command.atMs);
        void insistOn({ kind: 'viewing-started', viewing: this.id, atMs: command.atMs }, this.#ports, {
          what: 'the start of a viewing could not be recorded',
          refused: () => this.entryLost(),
        });
        this.tell(this.#ports.ticket(this));
        return;
      case 'open-gate':
        this.#openGate(command.epoch, command.first);
        return;
      case 'close-gate':
        this.link.close();
        return;
      case 'record-end':
        void this.#end(command.reason, command.atMs);
        return;
      default:
        unreachable(command);
    }
  }

  #sendKey(epoch: number): void {
    const sentMs = this.#state.keys.find((key) => key.epoch === epoch)?.sentMs ?? this.#ports.clock.nowMs();
    const update = this.#outbox.isConnected ? this.#keys.update(epoch, sentMs) : undefined;
    if (update === undefined) return;
    void this.#record({ kind: 'key-sent', viewing: this.id, epoch }, PATIENCE_MS);
    // One that is sent again after a resume is no further key.
    if (epoch > this.#newestGiven) this.#ports.keySent(this);
    this.#newestGiven = Math.max(epoch, this.#newestGiven);
    this.#outbox.later(update, () => !this.isOver);
  }

  async #commitReceipt(epoch: number): Promise<void> {
    const receipt = this.#receipts.get(epoch);
    if (receipt === undefined) return;
    const sentMs = this.#state.keys.find((key) => key.epoch === epoch)?.sentMs;
    this.#ports.keyConfirmed(this);
    const { chunks, jws } = receipt;
    const startsInMs = this.#ports.startsMs(epoch) - this.#ports.clock.nowMs();
    const entry = { kind: 'receipt', viewing: this.id, epoch, chunks, receipt: jws } as const;
    const entered = await this.#record(entry, receiptPatienceMs(startsInMs));
    if (entered === undefined) return;
    if (sentMs !== undefined) this.#ports.receiptDurable(this.#ports.clock.nowMs() - sentMs);
    this.#meter.confirm(epoch, entered.monoMs);
    this.dispatch({ type: 'committed', epoch });
  }

  #openGate(epoch: number, started: boolean): void {
    // Whose gate opens ahead of its epoch misses nothing of it: the catch-up is kept for when it does.
    const hasBegun = epoch <= (this.#ports.epochs.current ?? 0);
    if (!this.#ports.isShut(epoch)) this.link.open(epoch, hasBegun && this.#takeCatchUp());
    this.#tellConfirmed(epoch, started);
  }

  /** Whether the chunks since the last keyframe may be sent to this viewer free of charge now. */
  #takeCatchUp(): boolean {
    return this.#ports.catchUps.take(this.terms.program, this.terms.viewer);
  }

  #tellConfirmed(epoch: number, started: boolean): void {
    this.tell({ type: 'confirmed', epoch, started, usage: this.usage() });
  }

  /** Something that its bill is made of was not taken by the ledger: it comes late, or never. */
  entryLost(): void {
    this.#isWhole = false;
  }

  async #end(reason: EndReason, atMs: number): Promise<void> {
    this.#meter.end(atMs);
    this.#ports.settled(atMs);
    const what = 'the end of a viewing could not be recorded';
    const recorded = insistOn({ kind: 'viewing-ended', viewing: this.id, reason, atMs }, this.#ports, { what });
    const waited = Promise.withResolvers<undefined>();
    const cancel = this.#ports.timers.after(END_WAIT_MS, () => waited.resolve(undefined));
    const entered = await Promise.race([recorded, waited.promise]);
    cancel();
    this.#ports.ended(this, reason);
    // Before the end is durable, a receipt that came before it may not be either: the bill will count that, this figure does not.
    this.tell({ type: 'ended', reason, usage: this.usage(), final: entered !== undefined && this.#isWhole });
    await this.#outbox.close(reason === 'shutdown' ? 1001 : 1000, reason);
    this.#keys.forget();
  }

  /** The ledger keeps trying while the disk refuses; it rejects only when it is closed or overfull. */
  async #record(entry: Entry, patienceMs = 0): Promise<Entered | undefined> {
    return this.#ports.record(entry, patienceMs).catch(() => undefined);
  }

  /** Another edge serves it from here on. Only that the one before is gone is certainly no doing of the viewer's. */
  moveTo(edge: string, why: 'gone' | 'unreached'): void {
    const { program, viewer } = this.terms;
    if (this.link.edge !== undefined && why === 'gone') this.#ports.catchUps.interrupted(program, viewer);
    this.link.moveTo(edge);
  }

  /** Another media socket is to come: it may have the catch-up of the current epoch, if this viewer has not had it. */
  rejoin(): void {
    const { current } = this.#ports.epochs;
    const isOpen = this.#state.keys.some(({ epoch, receipt }) => epoch === current && receipt === 'durable');
    if (current !== undefined && isOpen && !this.#ports.isShut(current) && this.#takeCatchUp()) this.link.open(current, true);
  }

  /** Refuses something without ending the viewing. */
  complain(code: ErrorCode, message: string): void {
    this.tell({ type: 'error', code, message, fatal: false });
  }
}
