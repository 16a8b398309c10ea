/**
 * A line: first in, first out, and anybody may leave it. Tells those in it, some at a time, how many are before them, at a cost that
 * does not grow with how many there are.
 */
export class WaitingLine<T extends object> {
  /** In order, each with the number that it drew. */
  readonly #numbers = new Map<T, number>();
  #drawn = 0;
  #round = this.#numbers.entries();
  /** The number of the last one that was told in this round. */
  #toldUpTo = 0;
  /** How many up to that one are still in the line. */
  #told = 0;
  /** Everybody who was in the line has been told in this round. */
  isRoundOver = true;

  get size(): number {
    return this.#numbers.size;
  }

  /** @returns how many are before it */
  join(waiter: T): number {
    this.#numbers.set(waiter, ++this.#drawn);
    return this.#numbers.size - 1;
  }

  /** @returns whether it was in the line */
  leave(waiter: T): boolean {
    const number = this.#numbers.get(waiter);
    if (number === undefined) return false;
    this.#numbers.delete(waiter);
    if (number <= this.#toldUpTo) this.#told--;
    return true;
  }

  /** Who is first leaves the line. */
  shift(): T | undefined {
    for (const waiter of this.#numbers.keys()) {
      this.leave(waiter);
      return waiter;
    }
    return undefined;
  }

  /** The next so many of this round, each with how many are before it. Fewer, if it ends with them. */
  *next(most: number): IterableIterator<readonly [T, number]> {
    for (let left = most; left > 0; left--) {
      const { value, done } = this.#round.next();
      if (done) {
        this.isRoundOver = true;
        return;
      }
      const [waiter, number] = value;
      this.#toldUpTo = number;
      this.#told++;
      yield [waiter, this.#told - 1];
    }
  }

  /** The next round begins with whoever is first by then. */
  beginRound(): void {
    this.#round = this.#numbers.entries();
    this.#toldUpTo = 0;
    this.#told = 0;
    this.isRoundOver = false;
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#numbers.keys();
  }
}
