import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeTag, type FlvTag, flvHeader } from '../../src/media/flv.ts';
import { type FlvReaderOptions, readFlv } from '../../src/media/flv-reader.ts';
import { interframe, keyframe, metadata, sound } from './tags.ts';

const tags = [metadata(0), keyframe(0), sound(23), interframe(0x12345678, 'x'.repeat(70_000))];
const file = Buffer.concat([flvHeader({ audio: true, video: true }), ...tags.map(encodeTag)]);

async function* inPieces(bytes: Buffer, ...cuts: number[]): AsyncGenerator<Buffer> {
  const positions = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  for (const [index, end] of positions.slice(1).entries()) yield bytes.subarray(positions[index], end);
}

async function read(bytes: AsyncIterable<Buffer>, options?: FlvReaderOptions): Promise<FlvTag[]> {
  const all: FlvTag[] = [];
  for await (const tag of readFlv(bytes, options)) all.push(tag);
  return all;
}

describe('An FLV file', () => {
  test('gives its tags, however it is read', async () => {
    const expected = tags.map(encodeTag);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(file.length), { maxLength: 10 }), async (cuts) => {
        const encoded = (await read(inPieces(file, ...cuts))).map(encodeTag);
        expect(encoded.every((each, index) => expected[index]?.equals(each))).toBe(true);
        expect(encoded).toHaveLength(expected.length);
      }),
      { numRuns: 50 },
    );
  });

  test('that ends within a tag gives those before it', async () => {
    expect(await read(inPieces(file.subarray(0, -1000)))).toHaveLength(3);
    expect(await read(inPieces(file.subarray(0, -4)))).toHaveLength(4);
  });

  test.each([
    ['nothing', Buffer.alloc(0), 'not-flv'],
    ['another format', Buffer.from('\x00\x00\x00\x20ftypisom....'), 'not-flv'],
    ['a header of 4 GB', Buffer.from('FLV\x01\x05\xff\xff\xff\xff', 'latin1'), 'not-flv'],
    ['a tag of no known type', Buffer.concat([file, Buffer.alloc(20, 3)]), 'flv-damaged'],
    ['an encrypted tag', Buffer.concat([file, Buffer.of(0x29), Buffer.alloc(20)]), 'flv-damaged'],
  ])('that is %s is an error', async (_, bytes, code) => {
    await expect(read(inPieces(bytes))).rejects.toMatchObject({ code });
  });

  test('with a tag larger than allowed is an error', async () => {
    await expect(read(inPieces(file), { maxTagBytes: 1000 })).rejects.toMatchObject({ code: 'flv-damaged' });
  });

  test('is closed when its reader stops early', async () => {
    let closed = false;
    const source = (async function* () {
      try {
        yield file;
      } finally {
        closed = true;
      }
    })();
    for await (const _ of readFlv(source)) break;
    expect(closed).toBe(true);
  });
});
