import type { Delivery, GateChange } from '../bus/bus.ts';
import type { Clock, Timers } from '../clock.ts';
import { Tickets } from '../edge/tickets.ts';
import { unreachable } from '../errors.ts';
import { hashTicket } from '../tokens/media-ticket.ts';
import type { MediaThread } from './messages.ts';

export interface RouterPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Names the edge that all threads together are. */
  readonly edge: string;
  /** See EdgeOptions. */
  readonly ticketWaitMs: number;
  deliver(delivery: Delivery): void;
  /** Somebody may have chunks of an epoch. */
  confirmed(program: string, epoch: number): void;
  /** Nobody has a viewing of a program any more. */
  left(program: string): void;
}

type Open = Extract<GateChange, { kind: 'open' }>;

/** A thread lets a socket in as soon as it is told that it may. */
const GRANT_EXPIRES_MS = 10_000;
/** As many as a viewing has at an edge (edge/delivery.ts). */
const GATES_KEPT = 3;

/** One viewing, and the one thread at a time that has it. */
interface Routed {
  readonly program: string;
  readonly viewing: string;
  /** What is open. `catchUp`: granted, and no thread has been told so yet. */
  opens: readonly Open[];
  /** Who has it, or has still to say that it let go of it. */
  thread: MediaThread | undefined;
  /** That thread was told to let go. */
  isLeaving: boolean;
  /** Who is to have it once that thread has let go. */
  claimant: Claimant | undefined;
  /**
   * Why it is to be forgotten once no thread has it, and not before: a thread that said only then that it let go would be believed of
   * another time that it had it. `closed`: the authority waits for what was sent last; `ended`: nobody does.
   */
  ending: 'closed' | 'ended' | undefined;
  lastChunkMs: number | undefined;
}

interface Claimant {
  readonly thread: MediaThread;
  readonly ticketHash: string;
  answer(granted: boolean): void;
}

/**
 * Who may have what, where one edge is several threads. The kernel chooses the thread that a connection comes to, so a viewing goes to
 * the one that is shown its ticket: that thread claims it, and is told what is open. It belongs to one thread at a time: before the next
 * one has it, the one before has let go and reported all that it served. So every viewing looks to the authority as if one edge had it.
 */
export class ViewingRouter {
  readonly tickets: Tickets;
  readonly #ports: RouterPorts;
  readonly #viewings = new Map<string, Routed>();
  /** How many of them each program has. */
  readonly #watched = new Map<string, number>();
  readonly #threads = new Set<MediaThread>();

  constructor(ports: RouterPorts) {
    this.#ports = ports;
    this.tickets = new Tickets(ports.clock, ports.timers);
  }

  get viewings(): number {
    return this.#viewings.size;
  }

  /** Which have viewings. */
  get programs(): readonly string[] {
    return [...this.#watched.keys()];
  }

  joined(thread: MediaThread): void {
    this.#threads.add(thread);
  }

  /** A thread has died. What it did not report is not known to have been sent. */
  lost(thread: MediaThread): void {
    this.#threads.delete(thread);
    for (const routed of [...this.#viewings.values()]) {
      if (routed.claimant?.thread === thread) this.#refuseClaimant(routed);
      if (routed.thread === thread) this.#letGo(routed);
    }
  }

  gate(change: GateChange): void {
    switch (change.kind) {
      case 'ticket':
        this.#ticket(change);
        return;
      case 'open':
        this.#open(change);
        return;
      case 'close':
        this.#close(change);
        return;
      case 'ended':
        this.#ended(change);
        return;
      default:
        unreachable(change);
    }
  }

  /** After something may have been missed: what is told now is all that is open. See Edge. */
  restore(changes: readonly GateChange[]): void {
    const open = Map.groupBy(
      changes.filter((change) => change.kind === 'open'),
      ({ viewing }) => viewing,
    );
    for (const routed of [...this.#viewings.values()]) {
      const { program, viewing, ending } = routed;
      const epochs = new Set(open.get(viewing)?.map(({ epoch }) => epoch));
      if (epochs.size === 0 && ending === undefined) this.gate({ kind: 'close', program, viewing });
      routed.opens = routed.opens.filter(({ epoch }) => epochs.has(epoch));
    }
    const known = new Set(this.#viewings.keys());
    for (const change of changes) {
      const isKnown = change.kind === 'open' && known.has(change.viewing);
      this.gate(isKnown ? { ...change, catchUp: false } : change);
    }
    for (const thread of this.#threads) thread.post({ type: 'snapshot', changes: this.#opensOf(thread) });
  }

  /** A thread was shown a ticket that it does not know. @returns whether the viewing is that thread's now: a ticket is good once */
  async claim(thread: MediaThread, program: string, ticket: string): Promise<boolean> {
    if (!(await this.tickets.isGood(program, ticket, this.#ports.ticketWaitMs))) return false;
    const viewing = this.tickets.take(program, ticket);
    const routed = viewing === undefined ? undefined : this.#viewings.get(viewing);
    if (routed === undefined || !this.#threads.has(thread)) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#refuseClaimant(routed);
    routed.claimant = { thread, ticketHash: hashTicket(ticket), answer: resolve };
    if (routed.thread === undefined) this.#grant(routed);
    return promise;
  }

  /** What a thread reports, as of this edge. */
  delivered(thread: MediaThread, delivery: Delivery): void {
    const { edge } = this.#ports;
    if (delivery.kind === 'served') {
      for (const [viewing, , toMs] of delivery.spans) this.#sent(viewing, toMs);
      this.#ports.deliver({ ...delivery, edge });
      return;
    }
    const routed = this.#viewings.get(delivery.viewing);
    if (routed?.thread !== thread) return;
    if (delivery.kind === 'too-slow') {
      if (!routed.isLeaving) this.#ports.deliver({ ...delivery, edge });
    } else if (routed.isLeaving) {
      this.#sent(delivery.viewing, delivery.lastChunkMs);
      this.#letGo(routed);
    }
  }

  #ticket(change: Extract<GateChange, { kind: 'ticket' }>): void {
    const routed = this.#routed(change);
    this.tickets.add(change);
    this.#refuseClaimant(routed);
    this.#demand(routed);
  }

  #open(change: Open): void {
    const routed = this.#routed(change);
    const others = routed.opens.filter(({ epoch }) => epoch !== change.epoch);
    const granted = routed.opens.some(({ epoch, catchUp }) => epoch === change.epoch && catchUp);
    routed.opens = [...others, { ...change, catchUp: change.catchUp || granted }].slice(-GATES_KEPT);
    this.#ports.confirmed(change.program, change.epoch);
    if (routed.thread === undefined || routed.isLeaving) return;
    routed.thread.post({ type: 'gate', change });
    this.#given(routed);
  }

  #close({ viewing }: Extract<GateChange, { kind: 'close' }>): void {
    this.tickets.forget(viewing);
    const routed = this.#viewings.get(viewing);
    if (routed === undefined) {
      this.#ports.deliver({ edge: this.#ports.edge, kind: 'closed', viewing });
      return;
    }
    this.#end(routed, 'closed');
  }

  /** Threads forget what they have of a program. Of each viewing they say before that they let go of it. */
  #ended(change: Extract<GateChange, { kind: 'ended' }>): void {
    for (const routed of [...this.#viewings.values()])
      if (routed.program === change.program && routed.ending !== 'closed') {
        this.tickets.forget(routed.viewing);
        this.#end(routed, 'ended');
      }
    for (const thread of this.#threads) thread.post({ type: 'gate', change });
  }

  #end(routed: Routed, ending: 'closed' | 'ended'): void {
    routed.opens = [];
    routed.ending = ending;
    this.#refuseClaimant(routed);
    if (routed.thread === undefined) this.#gone(routed);
    else this.#demand(routed);
  }

  /** A viewing that is told of anew is no longer being closed: whoever waited for that has gone on. */
  #routed({ program, viewing }: { readonly program: string; readonly viewing: string }): Routed {
    const known = this.#viewings.get(viewing);
    if (known !== undefined) {
      known.ending = undefined;
      return known;
    }
    const routed: Routed = {
      program,
      viewing,
      opens: [],
      thread: undefined,
      isLeaving: false,
      claimant: undefined,
      ending: undefined,
      lastChunkMs: undefined,
    };
    this.#viewings.set(viewing, routed);
    this.#watched.set(program, (this.#watched.get(program) ?? 0) + 1);
    return routed;
  }

  /** Has the thread that has it let go of it. */
  #demand(routed: Routed): void {
    const { thread, isLeaving, program, viewing } = routed;
    if (thread === undefined || isLeaving) return;
    routed.isLeaving = true;
    thread.post({ type: 'gate', change: { kind: 'close', program, viewing } });
  }

  /** No thread has it. */
  #letGo(routed: Routed): void {
    routed.thread = undefined;
    routed.isLeaving = false;
    if (routed.ending !== undefined) this.#gone(routed);
    else if (routed.claimant !== undefined) this.#grant(routed);
  }

  #grant(routed: Routed): void {
    const { claimant, program, viewing, lastChunkMs } = routed;
    if (claimant === undefined) return;
    const { thread, ticketHash } = claimant;
    routed.claimant = undefined;
    routed.thread = thread;
    const ticket = { kind: 'ticket', program, viewing, ticketHash, expiresInMs: GRANT_EXPIRES_MS } as const;
    thread.post({ type: 'gate', change: lastChunkMs === undefined ? ticket : { ...ticket, lastChunkMs } });
    for (const change of routed.opens) thread.post({ type: 'gate', change });
    this.#given(routed);
    claimant.answer(true);
  }

  /** All that a thread should have open. */
  #opensOf(thread: MediaThread): readonly GateChange[] {
    const its = [...this.#viewings.values()].filter((routed) => routed.thread === thread && !routed.isLeaving);
    return its.flatMap(({ opens }) => opens);
  }

  /** A catch-up is granted once, whichever thread is told of it: one that this does not use is forgotten with what else it had. */
  #given(routed: Routed): void {
    routed.opens = routed.opens.map((open) => (open.catchUp ? { ...open, catchUp: false } : open));
  }

  #refuseClaimant(routed: Routed): void {
    routed.claimant?.answer(false);
    routed.claimant = undefined;
  }

  #sent(viewing: string, atMs: number | undefined): void {
    const routed = this.#viewings.get(viewing);
    if (routed !== undefined && atMs !== undefined) routed.lastChunkMs = Math.max(atMs, routed.lastChunkMs ?? atMs);
  }

  #gone(routed: Routed): void {
    this.#forget(routed);
    const { viewing, lastChunkMs, ending } = routed;
    if (ending !== 'closed') return;
    const { edge } = this.#ports;
    this.#ports.deliver({ edge, kind: 'closed', viewing, ...(lastChunkMs === undefined ? {} : { lastChunkMs }) });
  }

  #forget({ viewing, program }: Routed): void {
    this.#viewings.delete(viewing);
    const others = (this.#watched.get(program) ?? 0) - 1;
    if (others > 0) this.#watched.set(program, others);
    else {
      this.#watched.delete(program);
      this.#ports.left(program);
    }
  }
}
