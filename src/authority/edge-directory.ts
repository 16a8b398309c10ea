import type { EdgeAnnouncement } from '../bus/bus.ts';
import type { Clock } from '../clock.ts';

/** An edge announces itself each second; silent for longer than this, it is taken for dead. */
const SILENT_MS = 3_000;
/** Silent for longer than this, it is not trusted while there is another. */
const LATE_MS = 1_500;
/** If nothing is heard of any for so long, it is this host that was deaf. Another second, and one may be silent for too long. */
const DEAF_MS = 2_000;

interface Known extends EdgeAnnouncement {
  readonly heardMs: number;
}

/** The edges that announce themselves, and which of them a viewing is to use. */
export class EdgeDirectory {
  readonly #clock: Clock;
  readonly #edges = new Map<string, Known>();
  /** When the last announcement of any edge came. */
  #heardMs = 0;
  /** When announcements began to come again after there were none at all: nobody was silent before that, but this host was deaf. */
  #backMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns what it announced before, if it was there */
  heard(announcement: EdgeAnnouncement): EdgeAnnouncement | undefined {
    const before = this.#edges.get(announcement.edge);
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#heardMs > DEAF_MS) this.#backMs = nowMs;
    this.#heardMs = nowMs;
    this.#edges.set(announcement.edge, { ...announcement, heardMs: nowMs });
    return before;
  }

  get size(): number {
    return [...this.#edges.values()].filter((edge) => this.#isThere(edge)).length;
  }

  /** Forgets the edges that are dead or leaving. @returns which */
  takeGone(): readonly string[] {
    const gone = [...this.#edges.values()].filter((edge) => !this.#isThere(edge));
    for (const { edge } of gone) this.#edges.delete(edge);
    return gone.map(({ edge }) => edge);
  }

  /**
   * The edge that a viewing is with, while it is there; otherwise the one with the fewest viewings.
   * @param isUnreached the viewing cannot reach the one that it is with: rather another
   */
  choose(present?: string, isUnreached = false): EdgeAnnouncement | undefined {
    const there = [...this.#edges.values()].filter((edge) => this.#isThere(edge));
    const punctual = there.filter((edge) => this.#silentMs(edge) <= LATE_MS);
    const known = punctual.length > 0 ? punctual : there;
    const others = known.filter(({ edge }) => edge !== present);
    const trusted = isUnreached && others.length > 0 ? others : known;
    const stays = trusted.find(({ edge }) => edge === present);
    if (stays !== undefined) return stays;
    const chosen = trusted.reduce<Known | undefined>(
      (best, edge) => (best !== undefined && best.viewings <= edge.viewings ? best : edge),
      undefined,
    );
    // It will say so itself in a second; until then, a crowd must not all go to one.
    if (chosen !== undefined) this.#edges.set(chosen.edge, { ...chosen, viewings: chosen.viewings + 1 });
    return chosen;
  }

  #isThere(edge: Known): boolean {
    return !edge.leaving && this.#silentMs(edge) <= SILENT_MS;
  }

  #silentMs({ heardMs }: Known): number {
    return this.#clock.nowMs() - Math.max(heardMs, this.#backMs);
  }
}
