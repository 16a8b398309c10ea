import type { GateChange } from '../bus/bus.ts';
import type { Clock, Timers } from '../clock.ts';
import { hashTicket } from '../tokens/media-ticket.ts';

/** So many wait at once for their ticket to become known; whoever comes beyond that is answered at once. */
const MAX_WAITING = 10_000;

interface Known {
  readonly program: string;
  readonly viewing: string;
  readonly expiresMs: number;
  /** It need not be forgotten when it expires. */
  readonly cancel: () => void;
}

/** The media tickets that would be let in, by their hash; at most one for each viewing. */
export class Tickets {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #known = new Map<string, Known>();
  readonly #hashOf = new Map<string, string>();
  /** Who waits for a ticket to become known, by its hash. */
  readonly #waiting = new Map<string, Set<() => void>>();
  /** Who waits, for whichever of them. */
  #awaited = 0;
  /** Tickets that were no good, since the start. */
  refused = 0;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  /** Tickets that nobody has come with yet. */
  get unused(): number {
    return this.#known.size;
  }

  /** How many came with a ticket before it was known, and wait for it. */
  get awaited(): number {
    return this.#awaited;
  }

  add({ program, viewing, ticketHash, expiresInMs }: Extract<GateChange, { kind: 'ticket' }>): void {
    this.forget(viewing);
    const expiresMs = this.#clock.nowMs() + expiresInMs;
    // The word that its viewing is over may be lost on its way.
    const cancel = this.#timers.after(expiresInMs, () => this.forget(viewing));
    this.#known.set(ticketHash, { program, viewing, expiresMs, cancel });
    this.#hashOf.set(viewing, ticketHash);
    for (const tell of this.#waiting.get(ticketHash) ?? []) tell();
  }

  /** Whether it was told of a ticket, good or not. */
  has(ticket: string): boolean {
    return this.#known.has(hashTicket(ticket));
  }

  /** Whether a ticket is good. One that is not known yet may be on its way: it is waited for. */
  async isGood(program: string, ticket: string, withinMs: number): Promise<boolean> {
    const hash = hashTicket(ticket);
    if (!this.#known.has(hash) && withinMs > 0 && this.#awaited < MAX_WAITING) await this.#coming(hash, withinMs);
    return this.#good(program, this.#known.get(hash)) || this.refuse();
  }

  /** Counts one that is no good. */
  refuse(): false {
    this.refused++;
    return false;
  }

  /** Uses a ticket up. @returns whose it was; undefined if it is unknown, used, expired or another program's */
  take(program: string, ticket: string): string | undefined {
    const known = this.#known.get(hashTicket(ticket));
    if (known === undefined) return undefined;
    this.forget(known.viewing);
    return this.#good(program, known) ? known.viewing : undefined;
  }

  forget(viewing: string): void {
    const hash = this.#hashOf.get(viewing);
    if (hash === undefined) return;
    this.#known.get(hash)?.cancel();
    this.#hashOf.delete(viewing);
    this.#known.delete(hash);
  }

  async #coming(hash: string, withinMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(hash) ?? new Set();
    this.#waiting.set(hash, waiting.add(resolve));
    const cancel = this.#timers.after(withinMs, resolve);
    this.#awaited++;
    await promise;
    this.#awaited--;
    cancel();
    waiting.delete(resolve);
    if (waiting.size === 0) this.#waiting.delete(hash);
  }

  #good(program: string, known: Known | undefined): boolean {
    return known !== undefined && known.program === program && known.expiresMs >= this.#clock.nowMs();
  }
}
