import type { Bus, GateChange } from '../bus/bus.ts';
import type { Clock, Timers } from '../clock.ts';
import { isTicket } from '../tokens/media-ticket.ts';
import { BatchPace } from './batch-pace.ts';
import { type Backlog, FanOut, type FanOutLimits } from './fan-out.ts';
import { ANNOUNCE_MS, viewingsGone } from './leaving.ts';
import type { MediaSocket } from './media-socket.ts';
import { Tickets } from './tickets.ts';

export interface EdgeOptions {
  /** Names it among the edges; not that of one before. */
  readonly edge: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: FanOutLimits & {
    /** The longest that chunks are held back to be sent together. */
    readonly maxBatchMs: number;
  };
  readonly bus: Bus;
  /** A viewer may come with its ticket before the bus has brought it here; 0 where it cannot. */
  readonly ticketWaitMs: number;
  /** Of a thread, which is told of a ticket only once it asks for it: whether that is good. Its gates come before the answer. */
  readonly claim?: (program: string, ticket: string) => Promise<boolean>;
}

/** Since the start. */
export interface EdgeTotals {
  readonly sentBytes: number;
  readonly droppedChunks: number;
  /** How often chunks were missing, and asked for again. */
  readonly mends: number;
  readonly refusedTickets: number;
}

/** A program that nobody has watched here for so long is no longer followed. */
const UNWATCHED_MS = 10_000;

/** Carries sealed chunks to viewers whose gate is open. Never holds a content key (DESIGN.md, section 3). */
export class Edge {
  readonly #options: EdgeOptions;
  readonly #tickets: Tickets;
  readonly #pace: BatchPace;
  /** The programs that somebody here has a viewing of, or had a moment ago. */
  readonly #fanOuts = new Map<string, { readonly fanOut: FanOut; unwatchedMs: number }>();
  readonly #unsubscribe: () => void;
  #cancelAnnouncement: (() => void) | undefined;
  #url: string | undefined;
  #sentBefore = 0;
  #droppedBefore = 0;
  #mendsBefore = 0;

  constructor(options: EdgeOptions) {
    this.#options = options;
    this.#tickets = new Tickets(options.clock, options.timers);
    this.#pace = new BatchPace(options.limits.maxBatchMs);
    this.#unsubscribe = options.bus.gates.subscribe(options.edge, {
      change: (change) => this.#gate(change),
      snapshot: (changes) => this.#restore(changes),
    });
  }

  /** From here on viewers are sent here. `url`: what they put before a ticket's path; empty beside the authority. */
  announce(url: string): void {
    this.#url = url;
    this.#announce(url);
  }

  /**
   * Lets a media socket in. The ticket is used up whatever comes of it.
   * @returns what to call once the socket is closed; undefined for a ticket that is unknown, used, expired or another program's
   */
  attach(program: string, ticket: string, socket: MediaSocket): (() => void) | undefined {
    const viewing = this.#tickets.take(program, ticket);
    return viewing === undefined ? undefined : this.#fanOuts.get(program)?.fanOut.attach(viewing, socket);
  }

  /** Whether a ticket would be let in; does not use it up. */
  async knows(program: string, ticket: string): Promise<boolean> {
    const { claim, ticketWaitMs } = this.#options;
    // Before it costs a hash, a timer or a question to the main thread: anybody may ask for anything.
    if (!isTicket(ticket)) return this.#tickets.refuse();
    if (claim !== undefined && !this.#tickets.has(ticket) && !(await claim(program, ticket))) return false;
    return this.#tickets.isGood(program, ticket, ticketWaitMs);
  }

  get viewings(): number {
    return [...this.#fanOuts.values()].reduce((sum, { fanOut }) => sum + fanOut.viewings.length, 0);
  }

  /** Totals since the start, for metrics. */
  get totals(): EdgeTotals {
    let [sentBytes, droppedChunks, mends] = [this.#sentBefore, this.#droppedBefore, this.#mendsBefore];
    for (const { fanOut } of this.#fanOuts.values()) {
      sentBytes += fanOut.sentBytes;
      droppedChunks += fanOut.dropped;
      mends += fanOut.mends;
    }
    return { sentBytes, droppedChunks, mends, refusedTickets: this.#tickets.refused };
  }

  /** How long chunks are held back now to be sent together. */
  get batchMs(): number {
    return this.#pace.intervalMs;
  }

  /** What waits now, of all programs. */
  get backlog(): Backlog {
    const backlogs = [...this.#fanOuts.values()].map(({ fanOut }) => fanOut.backlog);
    const sum = (of: (backlog: Backlog) => number) => backlogs.reduce((total, backlog) => total + of(backlog), 0);
    return {
      socketBytes: sum(({ socketBytes }) => socketBytes),
      behind: sum(({ behind }) => behind),
      waitingChunks: sum(({ waitingChunks }) => waitingChunks),
    };
  }

  /** Programs that are followed. */
  get programs(): number {
    return this.#fanOuts.size;
  }

  get tickets(): Pick<Tickets, 'unused' | 'awaited'> {
    return this.#tickets;
  }

  /** Says that it is leaving, and gives the authority a moment to send its viewers to other edges. */
  async close(): Promise<void> {
    this.#cancelAnnouncement?.();
    if (this.#url !== undefined) this.#say(this.#url, true);
    await viewingsGone(() => this.viewings, this.#options.clock, this.#options.timers);
    for (const program of [...this.#fanOuts.keys()]) this.#leave(program);
    this.#unsubscribe();
  }

  #gate(change: GateChange): void {
    if (change.kind === 'ended') {
      this.#leave(change.program);
      return;
    }
    if (change.kind === 'ticket') this.#tickets.add(change);
    if (change.kind === 'close') this.#tickets.forget(change.viewing);
    this.#fanOut(change.program).gate(change);
  }

  /** After this edge may have missed something: what it is told is all that there is. */
  #restore(changes: readonly GateChange[]): void {
    const open = Map.groupBy(
      changes.filter((change) => change.kind === 'open'),
      ({ viewing }) => viewing,
    );
    for (const [program, { fanOut }] of this.#fanOuts) {
      for (const viewing of fanOut.viewings) {
        const gates = open.get(viewing);
        if (gates === undefined) this.#gate({ kind: 'close', program, viewing });
        // That a broadcast was shut may be among what was missed: of a viewing that goes on, an epoch from before that is open here still.
        else fanOut.keep(viewing, new Set(gates.map(({ epoch }) => epoch)));
      }
    }
    const here = new Set([...this.#fanOuts.values()].flatMap(({ fanOut }) => fanOut.viewings));
    for (const change of changes) {
      // What a viewing here was granted, it has or has used.
      const isKnown = change.kind === 'open' && here.has(change.viewing);
      this.#gate(isKnown ? { ...change, catchUp: false } : change);
    }
  }

  #announce(url: string): void {
    this.#say(url, false);
    const nowMs = this.#options.clock.nowMs();
    for (const [program, known] of this.#fanOuts) {
      if (known.fanOut.viewings.length > 0) known.unwatchedMs = nowMs;
      else if (nowMs - known.unwatchedMs > UNWATCHED_MS) this.#leave(program);
    }
    this.#cancelAnnouncement = this.#options.timers.after(ANNOUNCE_MS, () => this.#announce(url));
  }

  #say(url: string, leaving: boolean): void {
    const { bus, edge } = this.#options;
    bus.edges.publish({ edge, url, viewings: this.viewings, leaving });
  }

  #leave(program: string): void {
    const fanOut = this.#fanOuts.get(program)?.fanOut;
    if (fanOut === undefined) return;
    fanOut.close();
    this.#sentBefore += fanOut.sentBytes;
    this.#droppedBefore += fanOut.dropped;
    this.#mendsBefore += fanOut.mends;
    this.#fanOuts.delete(program);
  }

  #fanOut(program: string): FanOut {
    const known = this.#fanOuts.get(program);
    if (known !== undefined) return known.fanOut;
    const fanOut = new FanOut(this.#options.edge, program, { ...this.#options, pace: this.#pace });
    this.#fanOuts.set(program, { fanOut, unwatchedMs: this.#options.clock.nowMs() });
    return fanOut;
  }
}
