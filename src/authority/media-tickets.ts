import type { Logger } from 'pino';
import type { Bus, EdgeAnnouncement, GateChange } from '../bus/bus.ts';
import type { Clock } from '../clock.ts';
import type { ServerMessage } from '../protocol/messages.ts';
import { hashTicket, newTicket } from '../tokens/media-ticket.ts';
import { EdgeDirectory } from './edge-directory.ts';
import type { ViewingSession } from './viewing-session.ts';

/** Sends viewings to edges: each with a ticket that its edge has heard of. */
export class MediaTickets {
  readonly #gates: Bus['gates'];
  readonly #log: Logger;
  readonly #lifetimeMs: number;
  readonly #edges: EdgeDirectory;
  /** Edges of which two were heard by one name; said once. */
  readonly #doubled = new Set<string>();
  readonly #sessions: () => Iterable<ViewingSession>;
  /** Viewings for which there was no edge when they were to have a ticket. */
  readonly #ticketless = new Set<ViewingSession>();

  /** Tickets that were given out since the start. */
  issued = 0;

  /** @param sessions the viewings under way */
  constructor(
    { bus: { gates }, clock, log }: { bus: Bus; clock: Clock; log: Logger },
    lifetimeMs: number,
    sessions: () => Iterable<ViewingSession>,
  ) {
    this.#gates = gates;
    this.#log = log;
    this.#lifetimeMs = lifetimeMs;
    this.#edges = new EdgeDirectory(clock);
    this.#sessions = sessions;
  }

  /** How many edges there are. */
  get edges(): number {
    return this.#edges.size;
  }

  /** How many viewings wait for an edge. */
  get ticketless(): number {
    return this.#ticketless.size;
  }

  /** Where edges are. Viewings that wait for one get their ticket, and those of one that is gone another. */
  heard(announcement: EdgeAnnouncement): void {
    this.#say(announcement, this.#edges.heard(announcement));
    const gone = new Set(this.#edges.takeGone());
    if (gone.size > 0) {
      const level = announcement.leaving ? 'info' : 'warn';
      this.#log[level]({ edges: [...gone] }, 'edges are gone: their viewers are sent to others');
      for (const session of [...this.#sessions()]) if (isAt(session, gone)) session.tell(this.issue(session));
    }
    if (announcement.leaving) return;
    for (const session of [...this.#ticketless]) if (!session.isOver) session.tell(this.issue(session));
  }

  #say({ edge, url, leaving }: EdgeAnnouncement, before: EdgeAnnouncement | undefined): void {
    if (leaving) return;
    if (before === undefined) this.#log.info({ edge, url }, 'an edge is there');
    else if (before.url !== url && !this.#doubled.has(edge)) {
      this.#doubled.add(edge);
      this.#log.warn(
        { edge, urls: [before.url, url] },
        'two edges have the same name: give each a name and a credential of its own',
      );
    }
  }

  /** A viewing has ended. */
  forget(session: ViewingSession): void {
    this.#ticketless.delete(session);
  }

  /** A ticket for the edge that a viewing is with, or if that is gone, for another. Voids the one before, and its socket. */
  issue(session: ViewingSession): ServerMessage {
    // One that it cannot reach, although that is there, is not sent to it for ever.
    const isUnreached = session.link.ticketed();
    const edge = this.#edges.choose(session.link.edge, isUnreached);
    if (edge === undefined) {
      this.#ticketless.add(session);
      const message = 'no edge can be reached now; a ticket follows when one is';
      return { type: 'error', code: 'unavailable', message, fatal: false };
    }
    this.#ticketless.delete(session);
    if (edge.edge !== session.link.edge) session.moveTo(edge.edge, isUnreached ? 'unreached' : 'gone');
    const { program } = session.terms;
    this.issued++;
    const ticket = newTicket();
    const expiresInMs = this.#lifetimeMs;
    const change: GateChange = { kind: 'ticket', program, viewing: session.id, ticketHash: hashTicket(ticket), expiresInMs };
    this.#gates.publish(edge.edge, change);
    const path = `/v1/programs/${encodeURIComponent(program)}/media?ticket=${ticket}`;
    return { type: 'ticket', ticket, url: `${edge.url}${path}`, expiresInMs };
  }
}

const isAt = ({ link, isOver }: ViewingSession, edges: ReadonlySet<string>): boolean =>
  !isOver && link.edge !== undefined && edges.has(link.edge);
