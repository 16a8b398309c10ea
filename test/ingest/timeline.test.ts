import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Timeline } from '../../src/ingest/timeline.ts';
import type { FlvTag } from '../../src/media/flv.ts';
import { msAfter } from '../../src/media/timestamps.ts';
import { aacConfiguration, avcConfiguration, interframe, keyframe, metadata, sound } from '../media/tags.ts';

const times = (timeline: Timeline, tags: FlvTag[]): number[] => tags.map((tag) => timeline.place(tag).timestampMs);
const opening = [metadata(0), avcConfiguration(0), aacConfiguration(0)];

describe('The timeline', () => {
  test('leaves the first connection as it is', () => {
    expect(times(new Timeline(), [...opening, keyframe(7000), sound(6990), interframe(7040)])).toEqual([
      0, 0, 0, 7000, 6990, 7040,
    ]);
  });

  test('lets a return follow the last frame by the time between two', () => {
    const timeline = new Timeline();
    times(timeline, [keyframe(0), interframe(20), interframe(40)]);
    timeline.reconnect();
    expect(times(timeline, [...opening, keyframe(90_000), interframe(90_020)])).toEqual([60, 60, 60, 60, 80]);
  });

  test('moves sound and picture by the same, and lets what begins earlier catch up', () => {
    const timeline = new Timeline();
    times(timeline, [keyframe(0), sound(0), interframe(40), sound(23)]);
    timeline.reconnect();
    expect(times(timeline, [keyframe(100), sound(60), sound(83), sound(106), interframe(140)])).toEqual([80, 80, 80, 86, 120]);
  });

  test('takes one frame that was held up for no frame rate', () => {
    const timeline = new Timeline();
    times(timeline, [keyframe(0), interframe(40), interframe(2000)]);
    timeline.reconnect();
    expect(times(timeline, [keyframe(0)])).toEqual([2040]);
  });

  test('passes on an encoder’s jump within a connection', () => {
    const timeline = new Timeline();
    times(timeline, [keyframe(0), interframe(40)]);
    timeline.reconnect();
    expect(times(timeline, [keyframe(50_000), interframe(50_040), keyframe(0), interframe(40)])).toEqual([
      80, 120, 4294917376, 4294917416,
    ]);
  });

  test('begins where it is told to, as if it followed on something', () => {
    const timeline = new Timeline(5_000);
    timeline.reconnect();
    expect(times(timeline, [...opening, keyframe(90_000), sound(89_990), interframe(90_040)])).toEqual([
      5_000, 5_000, 5_000, 5_000, 5_000, 5_040,
    ]);
    timeline.reconnect();
    expect(times(timeline, [keyframe(7)])).toEqual([5_080]);
  });

  test('has nothing to follow when the connection before sent no frame', () => {
    const timeline = new Timeline();
    times(timeline, opening);
    timeline.reconnect();
    expect(times(timeline, [keyframe(5000)])).toEqual([5000]);
  });
});

/** Frames of one connection as encoders send them: from any time on, at some rate, sound beginning a little before or after. */
const connection = fc
  .record({
    startMs: fc.integer({ min: 0, max: 0xffffffff }),
    frames: fc.integer({ min: 2, max: 20 }),
    frameMs: fc.integer({ min: 8, max: 100 }),
    soundAheadMs: fc.integer({ min: -60, max: 60 }),
    hasSound: fc.boolean(),
  })
  .map(({ startMs, frames, frameMs, soundAheadMs, hasSound }) => {
    const pictures = Array.from({ length: frames }, (_, index) => ({
      atMs: index * frameMs,
      make: index === 0 ? keyframe : interframe,
    }));
    const sounds = Array.from({ length: hasSound ? frames : 0 }, (_, index) => ({
      atMs: index * frameMs - soundAheadMs,
      make: sound,
    }));
    const interleaved = [...pictures, ...sounds].sort((a, b) => a.atMs - b.atMs);
    return [...opening, ...interleaved.map(({ atMs, make }) => make((startMs + atMs) >>> 0))];
  });

test('Over any reconnections the timeline has no gap and never goes back, and distances within a connection stay', () => {
  fc.assert(
    fc.property(fc.array(connection, { minLength: 2, maxLength: 6 }), (connections) => {
      const timeline = new Timeline();
      const last = new Map<number, number>();
      let latest: number | undefined;
      for (const tags of connections) {
        timeline.reconnect();
        const placed = tags.map((tag) => timeline.place(tag));
        const frames = placed.slice(opening.length);
        if (latest !== undefined) {
          for (const tag of placed) expect(msAfter(tag.timestampMs, latest)).toBeGreaterThan(0);
          expect(msAfter(frames[0]?.timestampMs ?? 0, latest)).toBeLessThanOrEqual(200);
        }
        for (const { type, timestampMs } of frames) {
          const before = last.get(type);
          if (before !== undefined) expect(msAfter(timestampMs, before)).toBeGreaterThanOrEqual(0);
          last.set(type, timestampMs);
          if (latest === undefined || msAfter(timestampMs, latest) > 0) latest = timestampMs;
        }
        const offset = msAfter(frames.at(-1)?.timestampMs ?? 0, tags.at(-1)?.timestampMs ?? 0);
        const first = frames[0]?.timestampMs ?? 0;
        frames.forEach((frame, index) => {
          const wouldBe = ((tags[index + opening.length]?.timestampMs ?? 0) + offset) >>> 0;
          expect(frame.timestampMs).toBe(msAfter(wouldBe, first) < 0 ? first : wouldBe);
        });
      }
    }),
  );
});
