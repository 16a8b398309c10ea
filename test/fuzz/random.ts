import { Random } from '../sim/random.ts';

/** The chance that makes one input: of a seed and the input's number alone, so that each can be put again without those before it. */
export function randomOf(seed: number, index: number): Random {
  let bits = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return new Random(bits ^ (bits >>> 16));
}
