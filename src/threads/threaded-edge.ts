import type { Bus, Delivery } from '../bus/bus.ts';
import type { Clock, Timers } from '../clock.ts';
import { ANNOUNCE_MS, viewingsGone } from '../edge/leaving.ts';
import { unreachable } from '../errors.ts';
import type { MediaThread, ToEdge } from './messages.ts';
import { SharedProgram } from './shared-program.ts';
import { ViewingRouter } from './viewing-router.ts';

export interface ThreadedEdgeOptions {
  /** See EdgeOptions. */
  readonly edge: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly bus: Bus;
  readonly ticketWaitMs: number;
}

/**
 * The main thread's side of an edge whose sockets are in other threads. On the bus it is one edge, of which nobody can tell that it is
 * several; to its threads it is the bus (thread-bus.ts).
 */
export class ThreadedEdge {
  readonly #options: ThreadedEdgeOptions;
  readonly #router: ViewingRouter;
  readonly #programs = new Map<string, SharedProgram>();
  /** The highest epoch of each program that somebody may have. */
  readonly #confirmed = new Map<string, number>();
  readonly #threads = new Set<MediaThread>();
  readonly #unsubscribe: () => void;
  #url: string | undefined;
  #cancelAnnouncement: (() => void) | undefined;
  #mendsBefore = 0;

  constructor(options: ThreadedEdgeOptions) {
    this.#options = options;
    const { bus, edge } = options;
    this.#router = new ViewingRouter({
      ...options,
      deliver: (delivery: Delivery) => bus.deliveries.publish(delivery),
      confirmed: (program, epoch) => this.#confirm(program, epoch),
      left: (program) => {
        this.#confirmed.delete(program);
        this.#programs.get(program)?.left();
      },
    });
    this.#unsubscribe = bus.gates.subscribe(edge, {
      change: (change) => this.#router.gate(change),
      snapshot: (changes) => this.#router.restore(changes),
    });
  }

  get viewings(): number {
    return this.#router.viewings;
  }

  /** Programs that are followed. */
  get programs(): number {
    return this.#programs.size;
  }

  get tickets(): ViewingRouter['tickets'] {
    return this.#router.tickets;
  }

  /** How often chunks were missing, and asked for again. */
  get mends(): number {
    return [...this.#programs.values()].reduce((sum, { mends }) => sum + mends, this.#mendsBefore);
  }

  /** Chunks that wait for missing ones before them. */
  get waitingChunks(): number {
    return [...this.#programs.values()].reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** From here on viewers are sent to its threads, while there are any. */
  announce(url: string): void {
    this.#url = url;
    if (this.#threads.size > 0) this.#say(url, false);
    this.#cancelAnnouncement = this.#options.timers.after(ANNOUNCE_MS, () => this.announce(url));
  }

  /** A thread listens. */
  joined(thread: MediaThread): void {
    this.#threads.add(thread);
    this.#router.joined(thread);
  }

  /** It does so no more, for it is dead. */
  lost(thread: MediaThread): void {
    this.#threads.delete(thread);
    for (const program of [...this.#programs.keys()]) this.#unfollow(program, thread);
    this.#router.lost(thread);
  }

  receive(thread: MediaThread, message: ToEdge): void {
    // One that listens on several addresses may be come to on the first before it says that it listens: that is answered, with no.
    if (!this.#threads.has(thread) && message.type !== 'claim') return;
    switch (message.type) {
      case 'follow':
        this.#follow(message.program).follow(thread);
        return;
      case 'unfollow':
        this.#unfollow(message.program, thread);
        return;
      case 'catch-up':
        this.#follow(message.program).catchUp(thread);
        return;
      case 'claim':
        void this.#claim(thread, message);
        return;
      case 'delivery':
        this.#router.delivered(thread, message.delivery);
        return;
      default:
        unreachable(message);
    }
  }

  /** Says that it is leaving, gives the authority a moment to send its viewers to other edges, and has its threads drop the others. */
  async close(): Promise<void> {
    this.#cancelAnnouncement?.();
    if (this.#url !== undefined) this.#say(this.#url, true);
    await viewingsGone(() => this.viewings, this.#options.clock, this.#options.timers);
    for (const program of this.#router.programs) this.#router.gate({ kind: 'ended', program });
    this.#unsubscribe();
  }

  async #claim(thread: MediaThread, { claim, program, ticket }: Extract<ToEdge, { type: 'claim' }>): Promise<void> {
    const granted = await this.#router.claim(thread, program, ticket);
    thread.post({ type: 'claimed', claim, granted });
  }

  #confirm(program: string, epoch: number): void {
    this.#confirmed.set(program, Math.max(epoch, this.#confirmed.get(program) ?? epoch));
    this.#programs.get(program)?.confirmed(epoch);
  }

  #follow(program: string): SharedProgram {
    const known = this.#programs.get(program);
    if (known !== undefined) return known;
    const { bus, clock } = this.#options;
    const followed = new SharedProgram(program, bus, clock);
    const confirmed = this.#confirmed.get(program);
    if (confirmed !== undefined) followed.confirmed(confirmed);
    this.#programs.set(program, followed);
    return followed;
  }

  #unfollow(program: string, thread: MediaThread): void {
    const followed = this.#programs.get(program);
    followed?.unfollow(thread);
    if (followed === undefined || followed.followers > 0) return;
    followed.close();
    this.#mendsBefore += followed.mends;
    this.#programs.delete(program);
  }

  #say(url: string, leaving: boolean): void {
    const { bus, edge } = this.#options;
    bus.edges.publish({ edge, url, viewings: this.viewings, leaving });
  }
}
