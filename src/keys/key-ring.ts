import { type KeyObject, randomBytes } from 'node:crypto';
import { CONTENT_KEY_BYTES } from './content-key.ts';

interface RingKey {
  readonly contentKey: Uint8Array;
  /** Derived once for all viewings of the epoch. */
  readonly proofKey: KeyObject;
}

/** The content keys of one broadcast that are in use, in memory only; forgotten keys are overwritten. */
export class KeyRing {
  readonly #keys = new Map<number, RingKey>();
  readonly #proofKey: (contentKey: Uint8Array) => KeyObject;

  /** @param proofKey see node/possession.ts */
  constructor(proofKey: (contentKey: Uint8Array) => KeyObject) {
    this.#proofKey = proofKey;
  }

  create(epoch: number): Uint8Array {
    if (this.#keys.has(epoch)) throw new Error(`epoch ${epoch} has a key already`);
    const contentKey = new Uint8Array(randomBytes(CONTENT_KEY_BYTES));
    this.#keys.set(epoch, { contentKey, proofKey: this.#proofKey(contentKey) });
    return contentKey;
  }

  contentKey(epoch: number): Uint8Array | undefined {
    return this.#keys.get(epoch)?.contentKey;
  }

  proofKey(epoch: number): KeyObject | undefined {
    return this.#keys.get(epoch)?.proofKey;
  }

  /** Forgets every epoch before this one. */
  forgetBefore(epoch: number): void {
    for (const [number, key] of this.#keys) {
      if (number >= epoch) continue;
      key.contentKey.fill(0);
      this.#keys.delete(number);
    }
  }
}
