import { WaitingLine } from './waiting-line.ts';

/**
 * What is kept of one who waits is counted against so much for each place: a watch statement of 0.8 KB and a token of 3 KB. Tokens may be
 * longer, up to 16 KB with the statement, but not all of them: 10,000 places would take 160 MB.
 */
export const BYTES_A_PLACE = 4_096;
/** With one token, or for one viewing: more would only keep others out. A page that was opened again may not have left its place yet. */
const MOST_BY_ONE_NAME = 4;

export interface Held {
  readonly name: string;
  /** What is kept of it while it waits. */
  readonly bytes: number;
}

/** What somebody is refused a place for: there are no more; no memory for what it sent; it has as many as it may under its name. */
export type NoPlace = 'places' | 'memory' | 'name';

/** A line that has so many places, so much memory, and a few places for each name. */
export class BoundedLine<T extends Held> extends WaitingLine<T> {
  readonly #places: number;
  /** How often each name waits. */
  readonly #names = new Map<string, number>();
  #bytes = 0;

  constructor(places: number) {
    super();
    this.#places = places;
  }

  /** What is kept of all who wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Why there is no place for it; undefined if there is one. Who is alone in the line has memory enough. */
  lacks({ name, bytes }: Held): NoPlace | undefined {
    if (this.size >= this.#places) return 'places';
    if (this.size > 0 && this.#bytes + bytes > this.#places * BYTES_A_PLACE) return 'memory';
    return this.#named(name) >= MOST_BY_ONE_NAME ? 'name' : undefined;
  }

  override join(waiter: T): number {
    this.#names.set(waiter.name, this.#named(waiter.name) + 1);
    this.#bytes += waiter.bytes;
    return super.join(waiter);
  }

  override leave(waiter: T): boolean {
    if (!super.leave(waiter)) return false;
    const { name, bytes } = waiter;
    this.#bytes -= bytes;
    const left = this.#named(name) - 1;
    if (left > 0) this.#names.set(name, left);
    else this.#names.delete(name);
    return true;
  }

  #named(name: string): number {
    return this.#names.get(name) ?? 0;
  }
}
