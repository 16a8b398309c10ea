import { decodeHeader } from '../sframe/header.ts';
import type { KeyHolder } from './key-holder.ts';
import { MAX_OPENING_BYTES } from './limits.ts';

/** A chunk that is authentic, in its place, and in the clear. */
export interface OpenedChunk {
  readonly epoch: number;
  /** SFrame CTR. */
  readonly counter: number;
  /** See media/chunk.ts. */
  readonly flags: number;
  readonly plaintext: Uint8Array;
}

/** Chunks that were not passed on, by why. */
export interface DroppedChunks {
  /** Of an epoch whose key is not held. */
  readonly withoutKey: number;
  /** Counter or epoch not beyond the last one: replayed, reordered, or sent again to someone who joined again. */
  readonly replayed: number;
  /** Not what was sealed under the epoch's key. */
  readonly forged: number;
  /** No SFrame ciphertext at all. */
  readonly malformed: number;
}

const FLAGS_BYTES = 1;

/**
 * Opens sealed chunks. WebCrypto is asynchronous, so several are opened at once, but they are delivered in the order in which
 * they came. A counter is believed only once its chunk is open: a forged one must not shut out what follows.
 */
export class ChunkOpener {
  readonly #keys: KeyHolder;
  readonly #deliver: (chunk: OpenedChunk) => void;
  #deliveries: Promise<void> = Promise.resolve();
  #openingBytes = 0;
  #last: { readonly epoch: number; readonly counter: number } = { epoch: 0, counter: -1 };
  #opened = 0;
  #dropped: DroppedChunks = { withoutKey: 0, replayed: 0, forged: 0, malformed: 0 };

  constructor(keys: KeyHolder, deliver: (chunk: OpenedChunk) => void) {
    this.#keys = keys;
    this.#deliver = deliver;
  }

  get opened(): number {
    return this.#opened;
  }

  get dropped(): DroppedChunks {
    return this.#dropped;
  }

  /** Takes a flags byte and an SFrame ciphertext. False: too much is being opened already, and this chunk was not taken. */
  accept(sealed: Uint8Array<ArrayBuffer>): boolean {
    const place = placeOf(sealed);
    if (place === undefined) return this.#drop('malformed');
    const opener = this.#keys.openerOf(place.epoch);
    if (opener === undefined) return this.#drop('withoutKey');
    if (!this.#isNext(place)) return this.#drop('replayed');
    if (this.#openingBytes + sealed.length > MAX_OPENING_BYTES) return false;
    this.#openingBytes += sealed.length;
    const opening = opener.open(sealed.subarray(0, FLAGS_BYTES), sealed.subarray(FLAGS_BYTES)).catch(() => undefined);
    this.#deliveries = this.#deliveries.then(async () => {
      const opened = await opening;
      this.#openingBytes -= sealed.length;
      if (opened === undefined) this.#drop('forged');
      else if (!this.#isNext(place)) this.#drop('replayed');
      else this.#pass({ ...place, flags: sealed[0] ?? 0, plaintext: opened.plaintext });
    });
    return true;
  }

  /** Resolves when everything accepted so far is delivered or dropped. */
  drained(): Promise<void> {
    return this.#deliveries;
  }

  #pass(chunk: OpenedChunk): void {
    if (chunk.epoch > this.#last.epoch) this.#keys.dropBefore(chunk.epoch);
    this.#last = chunk;
    this.#opened++;
    this.#deliver(chunk);
  }

  #isNext({ epoch, counter }: { epoch: number; counter: number }): boolean {
    return epoch > this.#last.epoch || (epoch === this.#last.epoch && counter > this.#last.counter);
  }

  #drop(why: keyof DroppedChunks): true {
    this.#dropped = { ...this.#dropped, [why]: this.#dropped[why] + 1 };
    return true;
  }
}

/** Epoch and counter as the header claims them, or undefined if there is no header or they are beyond what numbers hold. */
function placeOf(sealed: Uint8Array): { epoch: number; counter: number } | undefined {
  try {
    const { kid, counter } = decodeHeader(sealed.subarray(FLAGS_BYTES));
    const place = { epoch: Number(kid), counter: Number(counter) };
    return Number.isSafeInteger(place.epoch) && Number.isSafeInteger(place.counter) ? place : undefined;
  } catch {
    return undefined;
  }
}
