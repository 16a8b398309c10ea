import type { GateChange } from '../bus/bus.ts';
import type { Clock } from '../clock.ts';
import { hashTicket } from '../tokens/media-ticket.ts';

interface Known {
  readonly program: string;
  readonly viewing: string;
  readonly expiresMs: number;
}

/** The media tickets that would be let in, by their hash; at most one for each viewing. */
export class Tickets {
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #hashOf = new Map<string, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add({ program, viewing, ticketHash, expiresInMs }: Extract<GateChange, { kind: 'ticket' }>): void {
    this.forget(viewing);
    this.#known.set(ticketHash, { program, viewing, expiresMs: this.#clock.nowMs() + expiresInMs });
    this.#hashOf.set(viewing, ticketHash);
  }

  knows(program: string, ticket: string): boolean {
    return this.#good(program, this.#known.get(hashTicket(ticket)));
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
    this.#hashOf.delete(viewing);
    this.#known.delete(hash);
  }

  #good(program: string, known: Known | undefined): boolean {
    return known !== undefined && known.program === program && known.expiresMs >= this.#clock.nowMs();
  }
}
