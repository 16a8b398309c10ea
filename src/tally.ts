/** Counts by kind, since the start. */
export class Tally<Kind extends string = string> {
  readonly #totals = new Map<Kind, number>();

  get totals(): ReadonlyMap<Kind, number> {
    return this.#totals;
  }

  add(kind: Kind): void {
    this.#totals.set(kind, (this.#totals.get(kind) ?? 0) + 1);
  }
}
