import type { Delivery, GateChange } from '../bus/bus.ts';
import type { Clock, Timers } from '../clock.ts';
import { Tickets } from '../edge/tickets.ts';
import { unreachable } from '../errors.ts';
import { hashTicket } from '../tokens/media-ticket.ts';
import type { MediaThread } from './messages.ts';
import { RoutedViewing } from './routed-viewing.ts';

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

/**
 * Who may have what, where one edge is several threads. The kernel chooses the thread that a connection comes to, so a viewing goes to
 * the one that is shown its ticket: that thread claims it, and is told what is open. It belongs to one thread at a time
 * (routed-viewing.ts). So every viewing looks to the authority as if one edge had it.
 */
export class ViewingRouter {
  readonly tickets: Tickets;
  readonly #ports: RouterPorts;
  readonly #viewings = new Map<string, RoutedViewing>();
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
    for (const routed of [...this.#viewings.values()]) routed.lost(thread);
  }

  gate(change: GateChange): void {
    switch (change.kind) {
      case 'ticket':
        this.tickets.add(change);
        this.#routed(change).ticketed();
        return;
      case 'open':
        this.#ports.confirmed(change.program, change.epoch);
        this.#routed(change).open(change);
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
      const { program, viewing } = routed;
      const epochs = new Set(open.get(viewing)?.map(({ epoch }) => epoch));
      if (epochs.size === 0 && routed.ending === undefined) this.gate({ kind: 'close', program, viewing });
      routed.keep(epochs);
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
    // One that has died meanwhile uses up nothing.
    if (!this.#threads.has(thread)) return false;
    const viewing = this.tickets.take(program, ticket);
    const routed = viewing === undefined ? undefined : this.#viewings.get(viewing);
    if (routed === undefined) return false;
    return routed.claim(thread, hashTicket(ticket));
  }

  /** What a thread reports, as of this edge. */
  delivered(thread: MediaThread, delivery: Delivery): void {
    const { edge, deliver } = this.#ports;
    switch (delivery.kind) {
      case 'served':
        for (const [viewing, , toMs] of delivery.spans) this.#viewings.get(viewing)?.sent(toMs);
        deliver({ ...delivery, edge });
        return;
      case 'too-slow':
        if (this.#viewings.get(delivery.viewing)?.isWith(thread)) deliver({ ...delivery, edge });
        return;
      case 'closed':
        this.#viewings.get(delivery.viewing)?.letGo(thread, delivery.lastChunkMs);
        return;
      default:
        unreachable(delivery);
    }
  }

  #close({ viewing }: Extract<GateChange, { kind: 'close' }>): void {
    this.tickets.forget(viewing);
    const routed = this.#viewings.get(viewing);
    if (routed === undefined) this.#ports.deliver({ edge: this.#ports.edge, kind: 'closed', viewing });
    else routed.end('closed');
  }

  /** Threads forget what they have of a program. Of each viewing they say before that they let go of it. */
  #ended(change: Extract<GateChange, { kind: 'ended' }>): void {
    for (const routed of [...this.#viewings.values()])
      if (routed.program === change.program && routed.ending !== 'closed') {
        this.tickets.forget(routed.viewing);
        routed.end('ended');
      }
    for (const thread of this.#threads) thread.post({ type: 'gate', change });
  }

  #routed({ program, viewing }: { readonly program: string; readonly viewing: string }): RoutedViewing {
    const known = this.#viewings.get(viewing);
    if (known !== undefined) return known;
    const routed = new RoutedViewing(program, viewing, (gone) => this.#gone(gone));
    this.#viewings.set(viewing, routed);
    this.#watched.set(program, (this.#watched.get(program) ?? 0) + 1);
    return routed;
  }

  /** All that a thread should have open. */
  #opensOf(thread: MediaThread): readonly GateChange[] {
    return [...this.#viewings.values()].filter((routed) => routed.isWith(thread)).flatMap(({ opens }) => opens);
  }

  #gone({ program, viewing, ending, lastChunkMs }: RoutedViewing): void {
    this.#viewings.delete(viewing);
    const others = (this.#watched.get(program) ?? 0) - 1;
    if (others > 0) this.#watched.set(program, others);
    else {
      this.#watched.delete(program);
      this.#ports.left(program);
    }
    if (ending !== 'closed') return;
    const { edge } = this.#ports;
    this.#ports.deliver({ edge, kind: 'closed', viewing, ...(lastChunkMs === undefined ? {} : { lastChunkMs }) });
  }
}
