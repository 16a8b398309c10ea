/** What a listener received, to wait for. */
export class Received<T> {
  readonly all: T[] = [];
  #waiting: { readonly isEnough: (all: readonly T[]) => boolean; readonly done: () => void }[] = [];

  readonly add = (item: T): void => {
    this.all.push(item);
    this.#waiting = this.#waiting.filter(({ isEnough, done }) => {
      const enough = isEnough(this.all);
      if (enough) done();
      return !enough;
    });
  };

  /** Waits for that many since the start. A test that waits in vain ends by jest's own limit. */
  async count(atLeast: number): Promise<readonly T[]> {
    await this.until((all) => all.length >= atLeast);
    return this.all;
  }

  until(isEnough: (all: readonly T[]) => boolean): Promise<void> {
    if (isEnough(this.all)) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ isEnough, done: resolve });
    return promise;
  }
}
