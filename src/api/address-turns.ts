import type { Timers } from '../clock.ts';
import { addressGroup, ConnectionAddresses } from '../connection-addresses.ts';

/**
 * So many at once from each address. Who finds its address full is held until one of those leaves, in the order of their coming, or
 * for some time: hundreds who share an address and come at once each take a moment only.
 */
export class AddressTurns {
  readonly #taken: ConnectionAddresses;
  readonly #timers: Timers;
  readonly #heldForMs: number;
  /** By address, what lets each go on that is held. */
  readonly #held = new Map<string, Set<() => void>>();

  constructor(maxPerAddress: number, heldForMs: number, timers: Timers) {
    this.#taken = new ConnectionAddresses(maxPerAddress);
    this.#heldForMs = heldForMs;
    this.#timers = timers;
  }

  /** @returns what gives the turn back, once; undefined if there was none in time */
  async take(address: string): Promise<(() => void) | undefined> {
    const leave = this.#taken.enter(address) ?? (await this.#freed(address));
    if (leave === undefined) return undefined;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      leave();
      const [next] = this.#held.get(addressGroup(address)) ?? [];
      next?.();
    };
  }

  #freed(address: string): Promise<(() => void) | undefined> {
    const group = addressGroup(address);
    const held = this.#held.get(group) ?? new Set();
    this.#held.set(group, held);
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        held.delete(done);
        if (held.size === 0) this.#held.delete(group);
        resolve(this.#taken.enter(address));
      };
      const cancel = this.#timers.after(this.#heldForMs, done);
      held.add(done);
    });
  }
}
