import { Transform, type TransformCallback } from 'node:stream';
import { type Clock, systemTimers, type Timers } from '../clock.ts';
import { unreachable } from '../errors.ts';
import type { KeyOffer } from '../keys/content-key.ts';
import { SFrameSealer } from '../sframe/node.ts';
import { CHUNK_SUITE } from '../sframe/suites.ts';
import { type Chunk, Flag, type SealedChunk } from './chunk.ts';
import { KeyOffers } from './key-offers.ts';
import { type CacheLimits, KeyframeCache } from './keyframe-cache.ts';

export interface EpochBegun {
  readonly epoch: number;
  readonly atMs: number;
  /** It began without a keyframe, because none came in its time. */
  readonly forced: boolean;
}

export interface SealerOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timers?: Timers;
  readonly cacheLimits?: CacheLimits;
  /** Called before the first chunk of the epoch leaves. May offer the next epoch; must not suspend or destroy the sealer. */
  onBegan(begun: EpochBegun): void;
  /** The epoch's lifetime is over and no next one is on offer: chunks are being dropped. Once each time it comes to that. */
  onStarved?(): void;
}

interface Sealing {
  readonly phase: 'sealing';
  readonly epoch: number;
  readonly sealer: SFrameSealer;
  readonly expiresMs: number;
  /** Of the next chunk. */
  counter: number;
}

type State =
  /** Nothing to seal with yet. Chunks wait for an epoch; after a suspension only from a keyframe on. */
  | { readonly phase: 'waiting'; readonly from: 'any-chunk' | 'keyframe' }
  | Sealing
  /** The epoch's lifetime ran out without a successor. Chunks are dropped until an epoch can begin at a keyframe. */
  | { readonly phase: 'starved' };

/** What becomes of a chunk. */
type Step =
  | { readonly do: 'seal' | 'wait' | 'drop' }
  | { readonly do: 'begin'; readonly offer: KeyOffer; readonly forced: boolean };

/**
 * Chunks in, sealed chunks out (DESIGN.md, section 4, "Chunks and epochs"). Decides when an epoch begins, among those it was
 * offered: at the first keyframe in its time, or else when that time is over; then what joiners need is sealed again under the
 * new key. Each epoch opens with the preamble, counter 0.
 *
 * A chunk that has to wait holds up the stream; a sealer that will get no more offers is ended by `destroy()`.
 */
export class Sealer extends Transform {
  readonly #options: SealerOptions;
  readonly #timers: Timers;
  readonly #offers = new KeyOffers();
  /** What joiners need, in plaintext, to be sealed again after a forced change. */
  readonly #cache: KeyframeCache<Chunk>;
  #state: State = { phase: 'waiting', from: 'any-chunk' };
  #held: { readonly chunk: Chunk; readonly done: TransformCallback } | undefined;
  #cancelWake: (() => void) | undefined;
  #droppedChunks = 0;

  constructor(options: SealerOptions) {
    super({ objectMode: true });
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#cache = new KeyframeCache(options.clock, options.cacheLimits);
  }

  /**
   * Offers an epoch; a new offer of the same epoch replaces the former.
   * @throws TollcastError `epoch-used` for an epoch that is not greater than every one begun; `key-invalid`, `too-many-offers`
   */
  offer(offer: KeyOffer): void {
    if (this.destroyed) return;
    this.#offers.add(offer);
    this.#retryHeld();
  }

  /** The broadcaster is away: the current epoch takes no more chunks. What comes from now on waits for an offered epoch. */
  suspend(): void {
    if (this.destroyed) return;
    this.#leaveEpoch({ phase: 'waiting', from: 'keyframe' });
    this.#retryHeld();
  }

  /** Chunks that no viewer gets: those of a starved sealer, and a returning broadcaster's before its first keyframe. */
  get droppedChunks(): number {
    return this.#droppedChunks;
  }

  override _transform(chunk: Chunk, _encoding: BufferEncoding, done: TransformCallback): void {
    let taken: boolean;
    try {
      taken = this.#take(chunk);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (taken) done();
    else this.#hold(chunk, done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#cancelWake?.();
    this.#held = undefined;
    this.#offers.clear();
    this.#leaveEpoch({ phase: 'starved' });
    this.#cache.clear();
    done(error);
  }

  /** Seals or drops a chunk; false if it has to wait. */
  #take(chunk: Chunk): boolean {
    const nowMs = this.#options.clock.nowMs();
    this.#starveIfExpired(nowMs);
    if (chunk.flags & Flag.preamble) {
      // Begins no epoch: the one that begins next opens with it.
      this.#cache.add(chunk);
      if (this.#state.phase === 'sealing') this.#seal(this.#state, chunk);
      return true;
    }
    const step = this.#stepFor(chunk, nowMs);
    switch (step.do) {
      case 'wait':
        return false;
      case 'drop':
        this.#droppedChunks++;
        return true;
      case 'begin':
        this.#begin(step.offer, step.forced, nowMs);
        break;
      case 'seal':
        break;
      default:
        unreachable(step);
    }
    if (this.#state.phase !== 'sealing') throw new Error('the sealer was suspended from within onBegan');
    this.#seal(this.#state, chunk);
    this.#cache.add(chunk);
    return true;
  }

  #stepFor(chunk: Chunk, nowMs: number): Step {
    const ripe = this.#offers.ripe(nowMs);
    const isKeyframe = (chunk.flags & Flag.keyframe) !== 0;
    const begin = ripe && ({ do: 'begin', offer: ripe.offer, forced: !isKeyframe && ripe.overdue } as const);
    const state = this.#state;
    switch (state.phase) {
      case 'waiting':
        if (isKeyframe || state.from === 'any-chunk') return begin ? { ...begin, forced: false } : { do: 'wait' };
        return begin?.forced ? begin : { do: 'drop' };
      case 'starved':
        return isKeyframe && begin ? begin : { do: 'drop' };
      case 'sealing':
        return begin && (isKeyframe || begin.forced) ? begin : { do: 'seal' };
      default:
        return unreachable(state);
    }
  }

  #begin(offer: KeyOffer, forced: boolean, nowMs: number): void {
    const { epoch, contentKey } = offer.key;
    const toReseal = forced ? [...this.#cache] : [];
    this.#offers.begin(offer);
    const sealer = new SFrameSealer(CHUNK_SUITE, epoch, contentKey);
    contentKey.fill(0);
    const state: Sealing = { phase: 'sealing', epoch, sealer, expiresMs: nowMs + offer.lifetimeMs, counter: 0 };
    this.#leaveEpoch(state, 'keep-group');
    this.#options.onBegan({ epoch, atMs: nowMs, forced });
    const { preamble } = this.#cache;
    if (preamble) this.#seal(state, preamble);
    for (const [index, chunk] of toReseal.entries()) {
      // Everybody has just got the newest preamble. The one as of the keyframe goes before the others only if it differs.
      if (index > 0 || chunk !== preamble) this.#seal(state, chunk, Flag.forJoiners);
    }
  }

  #starveIfExpired(nowMs: number): void {
    if (this.#state.phase !== 'sealing' || nowMs <= this.#state.expiresMs || !this.#offers.isEmpty) return;
    this.#leaveEpoch({ phase: 'starved' });
    this.#options.onStarved?.();
  }

  /** What is left of the key of an epoch that takes no more chunks is overwritten. */
  #leaveEpoch(next: State, group: 'keep-group' | 'drop-group' = 'drop-group'): void {
    if (this.#state.phase === 'sealing') this.#state.sealer.wipe();
    if (group === 'drop-group') this.#cache.dropGroup();
    this.#state = next;
  }

  #seal(state: Sealing, chunk: Chunk, addedFlags = 0): void {
    const flags = chunk.flags | addedFlags;
    const counter = state.counter++;
    const bytes = state.sealer.seal(counter, Uint8Array.of(flags), chunk.plaintext, 1);
    bytes[0] = flags;
    this.push({ epoch: state.epoch, counter, flags, bytes } satisfies SealedChunk);
  }

  #hold(chunk: Chunk, done: TransformCallback): void {
    this.#held = { chunk, done };
    const { earliestMs } = this.#offers;
    if (earliestMs === undefined) return;
    const delayMs = Math.max(0, earliestMs - this.#options.clock.nowMs());
    this.#cancelWake = this.#timers.after(delayMs, () => this.#retryHeld());
  }

  #retryHeld(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    this._transform(held.chunk, 'utf8', held.done);
  }
}
