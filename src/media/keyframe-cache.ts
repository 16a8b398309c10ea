import type { Clock } from '../clock.ts';
import { type Chunk, Flag, type SealedChunk } from './chunk.ts';

export interface CacheLimits {
  readonly maxBytes: number;
  /** Since the keyframe came. */
  readonly maxAgeMs: number;
}

/** 15 s of 8 Mbit/s. Encoders set for live streaming send a keyframe every 1 to 4 s. */
export const CACHE_LIMITS: CacheLimits = { maxBytes: 16 * 1024 * 1024, maxAgeMs: 15_000 };

/** A group of pictures, as far as it has come. */
interface Group<C> {
  /** The preamble that was in force at the keyframe. */
  readonly preamble: C | undefined;
  readonly beganMs: number;
  /** From the keyframe on; preambles that came later are in their place among them. */
  readonly chunks: C[];
  bytes: number;
}

/**
 * What joiners need: the preamble and every chunk since the last keyframe, within bounds. Beyond a bound it is empty until the
 * next keyframe, and so it is when an epoch begins without one: nobody joins with two keys. The sealer keeps one of plaintext,
 * to seal it again; an edge keeps one of sealed chunks, to send.
 *
 * Iterates in the order in which chunks were added, so that the counters of sealed ones grow.
 */
export class KeyframeCache<C extends Chunk | SealedChunk> implements Iterable<C> {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #limits: CacheLimits;
  #epoch: number | undefined;
  #preamble: C | undefined;
  #group: Group<C> | undefined;

  constructor(clock: Pick<Clock, 'nowMs'>, limits: CacheLimits = CACHE_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Nobody can join before the next keyframe. */
  get isEmpty(): boolean {
    this.#enforceLimits();
    return this.#group === undefined;
  }

  /** The newest preamble of the epoch. */
  get preamble(): C | undefined {
    return this.#preamble;
  }

  /** A sealed chunk of another epoch empties the cache first. */
  add(chunk: C): void {
    const epoch = epochOf(chunk);
    if (epoch !== this.#epoch) this.clear();
    this.#epoch = epoch;
    if (chunk.flags & Flag.preamble) this.#preamble = chunk;
    if (chunk.flags & Flag.keyframe) {
      this.#group = { preamble: this.#preamble, beganMs: this.#clock.nowMs(), chunks: [], bytes: 0 };
    }
    if (this.#group === undefined) return;
    this.#group.chunks.push(chunk);
    this.#group.bytes += bytesOf(chunk);
    this.#enforceLimits();
  }

  *[Symbol.iterator](): Iterator<C> {
    this.#enforceLimits();
    if (this.#group === undefined) return;
    const { preamble, chunks } = this.#group;
    if (preamble !== undefined) yield preamble;
    yield* chunks;
  }

  /** Empties it until the next keyframe. The newest preamble stays. */
  dropGroup(): void {
    this.#group = undefined;
  }

  clear(): void {
    this.#group = undefined;
    this.#preamble = undefined;
    this.#epoch = undefined;
  }

  #enforceLimits(): void {
    if (this.#group === undefined) return;
    const tooOld = this.#clock.nowMs() - this.#group.beganMs > this.#limits.maxAgeMs;
    if (tooOld || this.#group.bytes > this.#limits.maxBytes) this.#group = undefined;
  }
}

const bytesOf = (chunk: Chunk | SealedChunk): number => ('bytes' in chunk ? chunk.bytes : chunk.plaintext).length;

/** Chunks that are not sealed belong to no epoch. */
const epochOf = (chunk: Chunk | SealedChunk): number => ('epoch' in chunk ? chunk.epoch : 0);
