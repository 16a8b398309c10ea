import type { Random } from '../../sim/random.ts';
import type { SocketEnd } from './socket-end.ts';

/** As many as are enough to meet each other. */
const ENOUGH = 3;

interface Limits {
  /** Open at once; the oldest goes first. */
  readonly most: number;
  /** Of another one coming though there are enough. */
  readonly newcomer: number;
}

/** Those who are there to attack. */
export class Attackers<A extends { readonly end: SocketEnd }> {
  readonly #limits: Limits;
  readonly #make: (random: Random) => A;
  #open: A[] = [];

  constructor(limits: Limits, make: (random: Random) => A) {
    this.#limits = limits;
    this.#make = make;
  }

  /** Whose turn it is, who may just have come. */
  next(random: Random): A {
    const { most, newcomer } = this.#limits;
    this.#open = this.#open.filter(({ end }) => end.isOpen);
    if (this.#open.length >= ENOUGH && !random.chance(newcomer)) return random.pick(this.#open);
    if (this.#open.length >= most) this.#open.shift()?.end.leave();
    const made = this.#make(random);
    this.#open.push(made);
    return made;
  }
}
