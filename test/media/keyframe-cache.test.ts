import { describe, expect, test } from '@jest/globals';
import { type Chunk, Flag, type SealedChunk } from '../../src/media/chunk.ts';
import { type CacheLimits, KeyframeCache } from '../../src/media/keyframe-cache.ts';
import { FakeTime } from './fake-time.ts';

const plain = (flags: number, bytes = 10): Chunk => ({ flags, plaintext: Buffer.alloc(bytes), timestampMs: 0 });
const sealed = (epoch: number, counter: number, flags: number): SealedChunk => ({
  epoch,
  counter,
  flags,
  bytes: Buffer.alloc(10),
});
const { preamble, keyframe, forJoiners } = Flag;

function cacheOf<C extends Chunk | SealedChunk>(limits?: CacheLimits) {
  const time = new FakeTime();
  return { time, cache: new KeyframeCache<C>(time, limits) };
}

/** The positions, among all that was added, of what a joiner would get. */
function positions<C extends Chunk | SealedChunk>(cache: KeyframeCache<C>, chunks: readonly C[]): number[] {
  for (const chunk of chunks) cache.add(chunk);
  return [...cache].map((chunk) => chunks.indexOf(chunk));
}

describe('the keyframe cache', () => {
  test('keeps the preamble and what came since the last keyframe', () => {
    const { cache } = cacheOf<Chunk>();
    expect(positions(cache, [plain(preamble), plain(0), plain(keyframe), plain(0), plain(keyframe), plain(0)])).toEqual([
      0, 4, 5,
    ]);
  });

  test('is empty before the first keyframe', () => {
    const { cache } = cacheOf<Chunk>();
    expect(positions(cache, [plain(preamble), plain(0)])).toEqual([]);
    expect(cache.isEmpty).toBe(true);
    expect(cache.preamble?.flags).toBe(preamble);
  });

  test('leaves a preamble within the group where it came, behind the one as of the keyframe', () => {
    const { cache } = cacheOf<Chunk>();
    const chunks = [plain(preamble), plain(keyframe), plain(0), plain(preamble), plain(0)];
    expect(positions(cache, chunks)).toEqual([0, 1, 2, 3, 4]);
    expect(cache.preamble).toBe(chunks[3]);
    cache.add(plain(keyframe));
    expect([...cache][0]).toBe(chunks[3]);
  });

  test('is emptied by a chunk of another epoch, whose preamble and keyframe begin it anew', () => {
    const { cache } = cacheOf<SealedChunk>();
    positions(cache, [sealed(1, 0, preamble), sealed(1, 1, keyframe)]);
    expect(positions(cache, [sealed(2, 0, preamble), sealed(2, 1, 0)])).toEqual([]);
    expect(positions(cache, [sealed(2, 2, keyframe), sealed(2, 3, 0)])).toEqual([-1, 0, 1]);
    expect([...cache].map(({ epoch, counter }) => `${epoch}.${counter}`)).toEqual(['2.0', '2.2', '2.3']);
  });

  test('takes what was sealed again for joiners as what it is, with growing counters', () => {
    const { cache } = cacheOf<SealedChunk>();
    const flags = [preamble, preamble | forJoiners, keyframe | forJoiners, forJoiners, preamble | forJoiners, forJoiners, 0];
    const chunks = flags.map((each, counter) => sealed(3, counter, each));
    expect(positions(cache, chunks)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('is empty beyond its bytes until the next keyframe', () => {
    const { cache } = cacheOf<Chunk>({ maxBytes: 30, maxAgeMs: 1_000 });
    const full = [plain(preamble, 100), plain(keyframe), plain(0), plain(0)];
    expect(positions(cache, full)).toEqual([0, 1, 2, 3]);
    expect(positions(cache, [plain(0, 1), plain(0, 1)])).toEqual([]);
    expect(positions(cache, [plain(keyframe), plain(0)])).toEqual([-1, 0, 1]);
    expect(positions(cache, [plain(keyframe, 31)])).toEqual([]);
  });

  test('is empty once its keyframe is too old, whether chunks come or not', () => {
    const { time, cache } = cacheOf<Chunk>({ maxBytes: 1_000, maxAgeMs: 50 });
    positions(cache, [plain(preamble), plain(keyframe)]);
    time.advance(50);
    expect([...cache]).toHaveLength(2);
    time.advance(1);
    expect([cache.isEmpty, ...cache]).toEqual([true]);
    expect(positions(cache, [plain(0)])).toEqual([]);
    expect(positions(cache, [plain(keyframe)])).toEqual([-1, 0]);
  });

  test('drops the group but not the preamble, or both', () => {
    const { cache } = cacheOf<Chunk>();
    const chunks = [plain(preamble), plain(keyframe)];
    positions(cache, chunks);
    cache.dropGroup();
    expect([cache.isEmpty, cache.preamble]).toEqual([true, chunks[0]]);
    cache.clear();
    expect([cache.isEmpty, cache.preamble]).toEqual([true, undefined]);
  });
});
