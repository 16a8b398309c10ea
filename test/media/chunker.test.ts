import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Chunk, Flag } from '../../src/media/chunk.ts';
import { Chunker, type ChunkerOptions } from '../../src/media/chunker.ts';
import { encodeTag, type FlvTag, type FlvTags } from '../../src/media/flv.ts';
import { feed } from './feed.ts';
import { ExpectedStream, SeenStream, streamOf } from './streams.ts';
import {
  aacConfiguration,
  avcConfiguration,
  interframe,
  keyframe,
  metadata,
  parsePreamble,
  parseTags,
  script,
  sound,
  video,
} from './tags.ts';

const read = (chunker: Chunker, ...tags: FlvTag[]): Chunk[] => feed(chunker, tags);
const readAll = (reads: readonly FlvTags[], options?: ChunkerOptions): Chunk[] => {
  const chunker = new Chunker(options);
  return reads.flatMap((tags) => read(chunker, ...tags));
};
/** What a chunk is, in short. */
const outline = ({ flags, plaintext, timestampMs }: Chunk) =>
  flags & Flag.preamble
    ? { preamble: parsePreamble(plaintext).tags, timestampMs }
    : { keyframe: flags === Flag.keyframe, tags: parseTags(plaintext), timestampMs };
const preambles = (chunks: Chunk[]) =>
  chunks.filter((chunk) => chunk.flags === Flag.preamble).map((chunk) => parsePreamble(chunk.plaintext));
const header = [metadata(0), avcConfiguration(0), aacConfiguration(0)];

describe('the chunker', () => {
  test('cuts at every keyframe and at the end of a read, behind one preamble', () => {
    const chunker = new Chunker();
    expect(read(chunker, ...header)).toEqual([]);
    expect(read(chunker, sound(10), keyframe(20), sound(30), interframe(40), keyframe(60)).map(outline)).toEqual([
      { preamble: header, timestampMs: 10 },
      { keyframe: false, tags: [sound(10)], timestampMs: 10 },
      { keyframe: true, tags: [keyframe(20), sound(30), interframe(40)], timestampMs: 20 },
      { keyframe: true, tags: [keyframe(60)], timestampMs: 60 },
    ]);
    expect(read(chunker, interframe(80), sound(90)).map(outline)).toEqual([
      { keyframe: false, tags: [interframe(80), sound(90)], timestampMs: 80 },
    ]);
  });

  test('gives every tag back in its place, with the configuration it was sent under', () => {
    fc.assert(
      fc.property(streamOf({ reads: 12 }), fc.integer({ min: 20, max: 200 }), (reads, maxChunkBytes) => {
        const seen = new SeenStream();
        for (const chunk of readAll(reads, { maxChunkBytes })) seen.add(chunk);
        expect(seen.tags).toEqual(new ExpectedStream(reads).tags);
      }),
      { numRuns: 300 },
    );
  });

  test('keeps chunks within the limit, and a tag beyond it alone', () => {
    fc.assert(
      fc.property(streamOf({ reads: 6 }), fc.integer({ min: 20, max: 120 }), (reads, maxChunkBytes) => {
        for (const { flags, plaintext } of readAll(reads, { maxChunkBytes })) {
          if (flags & Flag.preamble) continue;
          expect(plaintext.length <= maxChunkBytes || parseTags(plaintext).length === 1).toBe(true);
        }
      }),
    );
    const large = keyframe(20, 'k'.repeat(500));
    const chunks = readAll([[...header, sound(10), large, interframe(30), interframe(40)]], { maxChunkBytes: 100 });
    expect(chunks.slice(1).map(outline)).toEqual([
      { keyframe: false, tags: [sound(10)], timestampMs: 10 },
      { keyframe: true, tags: [large], timestampMs: 20 },
      { keyframe: false, tags: [interframe(30), interframe(40)], timestampMs: 30 },
    ]);
  });

  test('swallows unchanged repetitions of metadata and configurations', () => {
    const again = [metadata(500), avcConfiguration(500), aacConfiguration(500)];
    const chunks = readAll([[...header, keyframe(20)], [...again, keyframe(520)], [...again]]);
    expect(chunks.map(outline)).toEqual([
      { preamble: header, timestampMs: 20 },
      { keyframe: true, tags: [keyframe(20)], timestampMs: 20 },
      { keyframe: true, tags: [keyframe(520)], timestampMs: 520 },
    ]);
  });

  test('puts a changed configuration into a new preamble, in its place among the tags', () => {
    const changed = avcConfiguration(50, 'other');
    const chunks = readAll([[...header, keyframe(20), sound(40), changed, sound(60), keyframe(70)]]);
    expect(chunks.map(outline)).toEqual([
      { preamble: header, timestampMs: 20 },
      { keyframe: true, tags: [keyframe(20), sound(40)], timestampMs: 20 },
      { preamble: [metadata(0), changed, aacConfiguration(0)], timestampMs: 60 },
      { keyframe: false, tags: [sound(60)], timestampMs: 60 },
      { keyframe: true, tags: [keyframe(70)], timestampMs: 70 },
    ]);
  });

  test('keeps the configurations of a multitrack stream beside each other', () => {
    const second = video(0, 0x96, 0x00, 'avc1', 1, 'avcC of track 1');
    const colour = video(0, 0xd4, 'hvc1', 'colorInfo');
    const chunks = readAll([
      [...header, second, colour, keyframe(20)],
      [avcConfiguration(30), second, colour, keyframe(40)],
    ]);
    expect(chunks.map(outline)).toEqual([
      { preamble: [...header, second, colour], timestampMs: 20 },
      { keyframe: true, tags: [keyframe(20)], timestampMs: 20 },
      { keyframe: true, tags: [keyframe(40)], timestampMs: 40 },
    ]);
  });

  test('passes other script tags on as they are', () => {
    const cue = script(30, 2, 0, 6, 'onText');
    expect(readAll([[...header, keyframe(20), cue]]).map(outline)).toEqual([
      { preamble: header, timestampMs: 20 },
      { keyframe: true, tags: [keyframe(20), cue], timestampMs: 20 },
    ]);
  });

  test('bounds the preamble: what is too large or too many for it passes as ordinary tags', () => {
    const large = metadata(0, { note: 'x'.repeat(65_000), more: 'x'.repeat(600) });
    const tracks = Array.from({ length: 200 }, (_, track) => video(0, 0x96, 0x00, 'avc1', track));
    const [preamble, ...chunks] = readAll([[...tracks, large, keyframe(20)]]).map(outline);
    expect(preamble?.preamble).toEqual(tracks.slice(0, 32));
    expect(chunks.flatMap((chunk) => chunk.tags ?? [])).toEqual([...tracks.slice(32), large, keyframe(20)]);
  });

  test('does not depend on what becomes of a tag’s buffer afterwards', () => {
    const configuration = avcConfiguration(0);
    const chunker = new Chunker();
    read(chunker, configuration);
    configuration.data.fill(0);
    expect(preambles(read(chunker, keyframe(20)))).toEqual([{ audio: false, video: true, tags: [avcConfiguration(0)] }]);
  });

  test('ends a broadcast whose tag no FLV file can hold with an error', async () => {
    const chunker = new Chunker();
    const failed = new Promise((resolve) => chunker.once('error', resolve));
    chunker.write([keyframe(0, 'x'.repeat(2 ** 24))]);
    expect(await failed).toBeInstanceOf(RangeError);
  });
});

describe('the FLV header', () => {
  const tracks = (chunks: Chunk[]) => preambles(chunks).map(({ audio, video }) => ({ audio, video }));

  test('says what metadata declares, before it is seen', () => {
    expect(tracks(readAll([[metadata(0), sound(0)]]))).toEqual([{ audio: true, video: true }]);
    expect(tracks(readAll([[metadata(0, { audiocodecid: 10 }), sound(0)]]))).toEqual([{ audio: true, video: false }]);
  });

  test('says what the first read has, if nothing is declared', () => {
    expect(tracks(readAll([[sound(0), keyframe(0)]]))).toEqual([{ audio: true, video: true }]);
    expect(tracks(readAll([[keyframe(0)]]))).toEqual([{ audio: false, video: true }]);
    expect(tracks(readAll([[video(0, 0x57, 0)]]))).toEqual([{ audio: false, video: false }]);
  });

  test('does not change when what was declared is seen', () => {
    expect(tracks(readAll([[metadata(0)], [sound(0)], [keyframe(20)], [sound(40)]]))).toHaveLength(1);
  });

  test('is corrected in a new preamble when an undeclared track appears', () => {
    expect(tracks(readAll([[keyframe(0)], [interframe(10)], [sound(20)]]))).toEqual([
      { audio: false, video: true },
      { audio: true, video: true },
    ]);
  });

  test('stops believing in a declared track that has not come for five seconds', () => {
    const wrapping = 2 ** 32 - 1000;
    const at = (ms: number) => (wrapping + ms) % 2 ** 32;
    const reads = [[metadata(0), sound(at(0))], [sound(at(-40))], [sound(at(4_999))], [sound(at(5_000))], [sound(at(5_020))]];
    const chunks = readAll(reads);
    expect(tracks(chunks)).toEqual([
      { audio: true, video: true },
      { audio: true, video: false },
    ]);
    expect(chunks.map(({ flags }) => flags)).toEqual([Flag.preamble, 0, 0, 0, Flag.preamble, Flag.keyframe, Flag.keyframe]);
  });
});

test('a new declaration is believed in for another five seconds', () => {
  const again = metadata(9_000, { videocodecid: 7, encoder: 'restarted' });
  const chunks = readAll([[metadata(0), sound(0)], [sound(6_000)], [again, sound(9_000)], [sound(13_000)], [sound(14_000)]]);
  expect(preambles(chunks).map(({ video }) => video)).toEqual([true, false, true, false]);
});

describe('a broadcast of sound only', () => {
  test('can be joined at every chunk', () => {
    const chunks = readAll([
      [metadata(0, { audiocodecid: 10 }), aacConfiguration(0), sound(0)],
      [sound(20)],
      [sound(40), sound(60)],
    ]);
    expect(chunks.map(({ flags }) => flags)).toEqual([Flag.preamble, Flag.keyframe, Flag.keyframe, Flag.keyframe]);
  });

  test('stops being one when a picture comes', () => {
    const chunks = readAll([[sound(0)], [avcConfiguration(10), sound(20)], [keyframe(30)], [interframe(40)]]);
    expect(chunks.map(({ flags }) => flags)).toEqual([Flag.preamble, Flag.keyframe, Flag.preamble, 0, Flag.keyframe, 0]);
  });
});

test('a chunk’s bytes are its tags as an FLV file has them', () => {
  const [, chunk] = readAll([[keyframe(2 ** 32 - 1), interframe(40)]]);
  expect(chunk?.plaintext).toEqual(Buffer.concat([encodeTag(keyframe(2 ** 32 - 1)), encodeTag(interframe(40))]));
});
