import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Chunk, Flag, type SealedChunk } from '../../src/media/chunk.ts';
import { Chunker } from '../../src/media/chunker.ts';
import type { FlvTags } from '../../src/media/flv.ts';
import { KeyframeCache } from '../../src/media/keyframe-cache.ts';
import type { EpochBegun } from '../../src/media/sealer.ts';
import { FakeTime } from './fake-time.ts';
import { feed } from './feed.ts';
import { type OpenedChunk, offerOf, open } from './sealed.ts';
import { sealerOf } from './sealing.ts';
import { ExpectedStream, SeenStream, streamOf } from './streams.ts';
import { parseTags } from './tags.ts';

const { preamble, forJoiners } = Flag;

describe('the media path', () => {
  const PERIOD_MS = 100;
  const GRACE_MS = 40;
  /** Everything that leaves the sealer, read by read, of a broadcast whose reads come these many milliseconds apart. */
  function seals(reads: readonly FlvTags[], gapsMs: readonly number[]) {
    const chunker = new Chunker({ maxChunkBytes: 60 });
    const began: EpochBegun[] = [];
    const { sealer, time } = sealerOf({
      onBegan: (begun) => {
        began.push(begun);
        const notBeforeMs = begun.atMs + PERIOD_MS;
        sealer.offer(offerOf(begun.epoch + 1, { notBeforeMs, notAfterMs: notBeforeMs + GRACE_MS, lifetimeMs: 4 * PERIOD_MS }));
      },
    });
    sealer.offer(offerOf(1));
    const sealed = reads.flatMap((read, index) => {
      time.advance(gapsMs[index % gapsMs.length] ?? 0);
      return feed<FlvTags, Chunk>(chunker, read).flatMap((each) => feed<Chunk, SealedChunk>(sealer, each));
    });
    return { sealed, began };
  }
  const broadcast = fc.tuple(streamOf({ reads: 25 }), fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 5 }));
  const seenOf = (opened: readonly OpenedChunk[]) => {
    const seen = new SeenStream();
    for (const each of opened) seen.add(each);
    return seen.tags;
  };

  test('gives whoever stays every tag in its place, through all epochs', () => {
    let forced = 0;
    fc.assert(
      fc.property(broadcast, ([reads, gapsMs]) => {
        const { sealed, began } = seals(reads, gapsMs);
        const live = sealed.filter(({ flags }) => !(flags & forJoiners));
        expect(seenOf(live.map(open))).toEqual(new ExpectedStream(reads).tags);
        forced += began.filter((each) => each.forced).length;
      }),
      { numRuns: 200 },
    );
    expect(forced).toBeGreaterThan(20);
  });

  test('gives whoever joins the preamble and everything since the last keyframe, in one epoch', () => {
    fc.assert(
      fc.property(broadcast, ([reads, gapsMs]) => {
        const expected = new ExpectedStream(reads);
        const cache = new KeyframeCache<SealedChunk>(new FakeTime());
        let tagsGone = 0;
        for (const each of seals(reads, gapsMs).sealed) {
          cache.add(each);
          if (each.flags & (forJoiners | preamble)) continue;
          tagsGone += parseTags(open(each).plaintext).length;
          const since = expected.sinceKeyframe[tagsGone - 1];
          expect(cache.isEmpty).toBe(since === undefined);
          if (since === undefined) continue;
          const joined = [...cache];
          expect(joined.every(({ epoch }) => epoch === each.epoch)).toBe(true);
          expect(seenOf(joined.map(open))).toEqual(expected.endingAt(tagsGone, since + 1));
        }
      }),
      { numRuns: 100 },
    );
  });

  test('never uses an epoch and a counter twice, and counts each epoch from 0 without a gap', () => {
    fc.assert(
      fc.property(broadcast, ([reads, gapsMs]) => {
        const { sealed, began } = seals(reads, gapsMs);
        for (const { epoch } of began) {
          const counters = sealed.filter((each) => each.epoch === epoch).map(({ counter }) => counter);
          expect(counters).toEqual(counters.map((_, index) => index));
        }
        const epochs = sealed.map(({ epoch }) => epoch);
        expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
      }),
      { numRuns: 100 },
    );
  });
});
