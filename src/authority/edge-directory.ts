import type { EdgeAnnouncement } from '../bus/bus.ts';
import type { Clock } from '../clock.ts';

/** An edge announces itself each second; silent for longer, it is taken for dead. */
const SILENT_MS = 3_000;

/** The edges that announce themselves, and which of them a viewing is to use. */
export class EdgeDirectory {
  readonly #clock: Clock;
  readonly #edges = new Map<string, EdgeAnnouncement & { readonly heardMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  heard(announcement: EdgeAnnouncement): void {
    this.#edges.set(announcement.edge, { ...announcement, heardMs: this.#clock.nowMs() });
  }

  /** The edge that a viewing is with, while it is there; otherwise the one with the fewest viewings. */
  choose(present?: string): EdgeAnnouncement | undefined {
    const there = [...this.#edges.values()].filter((edge) => this.#isThere(edge));
    const stays = there.find(({ edge }) => edge === present);
    if (stays !== undefined) return stays;
    const chosen = there.reduce<EdgeAnnouncement | undefined>(
      (best, edge) => (best !== undefined && best.viewings <= edge.viewings ? best : edge),
      undefined,
    );
    // It will say so itself in a second; until then, a crowd must not all go to one.
    if (chosen !== undefined)
      this.#edges.set(chosen.edge, {
        ...chosen,
        viewings: chosen.viewings + 1,
        heardMs: this.#edges.get(chosen.edge)?.heardMs ?? 0,
      });
    return chosen;
  }

  #isThere({ edge, leaving, heardMs }: EdgeAnnouncement & { readonly heardMs: number }): boolean {
    const isThere = !leaving && this.#clock.nowMs() - heardMs <= SILENT_MS;
    if (!isThere) this.#edges.delete(edge);
    return isThere;
  }
}
