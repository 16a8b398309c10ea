import type { ViewingSession } from './viewing-session.ts';

/** The viewings of one broadcast that have not ended. */
export class Audience implements Iterable<ViewingSession> {
  readonly #sessions = new Set<ViewingSession>();
  /** The same by viewer: each who comes is asked for others of its own, and must not have everybody's looked through for that. */
  readonly #ofViewers = new Map<string, Set<ViewingSession>>();

  [Symbol.iterator](): IterableIterator<ViewingSession> {
    return this.#sessions.values();
  }

  add(session: ViewingSession): void {
    const { viewer } = session.terms;
    this.#sessions.add(session);
    const own = this.#ofViewers.get(viewer) ?? new Set();
    this.#ofViewers.set(viewer, own.add(session));
  }

  delete(session: ViewingSession): void {
    const { viewer } = session.terms;
    this.#sessions.delete(session);
    const own = this.#ofViewers.get(viewer);
    own?.delete(session);
    if (own?.size === 0) this.#ofViewers.delete(viewer);
  }

  /** In the order in which they began. */
  of(viewer: string): readonly ViewingSession[] {
    return [...(this.#ofViewers.get(viewer) ?? [])];
  }

  /** Where it is. */
  get edges(): ReadonlySet<string> {
    return new Set([...this].flatMap(({ link }) => link.edge ?? []));
  }
}
