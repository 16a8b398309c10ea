import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SCRIPT } from '../../src/media/flv.ts';
import { declaredTracks } from '../../src/media/metadata.ts';
import { amf0, metadata, properties } from './tags.ts';

const tag = (...body: Uint8Array[]) =>
  ({ type: SCRIPT, timestampMs: 0, data: Buffer.concat([amf0('onMetaData'), ...body]) }) as const;
const nested = { tracks: { '0': { hasVideo: true, videocodecid: 7 } }, list: [1, 'a', { b: null }], note: null };

describe('onMetaData declares', () => {
  test.each([
    ['nothing', {}, false, false],
    ['both, by codec numbers', { videocodecid: 7, audiocodecid: 10 }, true, true],
    ['both, by FourCC numbers', { videocodecid: 0x61763031, audiocodecid: 0x4f707573 }, true, true],
    ['both, by names', { videocodecid: 'avc1', audiocodecid: 'mp4a' }, true, true],
    ['sound, as PCM', { audiocodecid: 0 }, true, false],
    ['no picture, by codec 0', { videocodecid: 0, audiocodecid: 10 }, true, false],
    ['nothing, by empty names', { videocodecid: '', audiocodecid: '' }, false, false],
    ['both, by flags', { hasAudio: true, hasVideo: true }, true, true],
    [
      'what flags say, whatever the codecs are',
      { hasVideo: false, videocodecid: 7, audiocodecid: 10, hasAudio: true },
      true,
      false,
    ],
    ['only what stands at the top', { ...nested, audiocodecid: 10 }, true, false],
  ])('%s', (_, value, audio, video) => {
    expect(declaredTracks(metadata(0, value))).toEqual({ audio, video });
  });

  test('the same as an object instead of an array', () => {
    expect(declaredTracks(tag(Buffer.of(3), properties({ ...nested, videocodecid: 7 })))).toEqual({ audio: false, video: true });
  });

  test('what came before it was cut off', () => {
    const { data } = metadata(0, { audiocodecid: 10, videocodecid: 7 });
    expect(declaredTracks({ type: SCRIPT, timestampMs: 0, data: data.subarray(0, -8) })).toEqual({ audio: true, video: false });
  });

  test('nothing by bytes that make no sense, at no cost', () => {
    expect(declaredTracks(tag())).toEqual({ audio: false, video: false });
    expect(declaredTracks(tag(Buffer.of(2, 0, 0)))).toEqual({ audio: false, video: false });
    const hugeArray = Buffer.of(8, 0, 0, 0, 1, 0, 1, 0x61, 10, 255, 255, 255, 255);
    expect(declaredTracks(tag(hugeArray))).toEqual({ audio: false, video: false });
    const deep = Buffer.concat([Buffer.of(3), ...Array.from({ length: 20_000 }, () => Buffer.of(0, 1, 0x61, 3))]);
    expect(declaredTracks(tag(deep))).toEqual({ audio: false, video: false });
  });

  test('something or nothing, without a crash, whatever the bytes', () => {
    const value = fc.tuple(fc.constantFrom(3, 8), fc.uint8Array({ maxLength: 60 }));
    fc.assert(
      fc.property(value, ([marker, bytes]) => {
        declaredTracks(tag(Uint8Array.of(marker), bytes));
      }),
      { numRuns: 2000 },
    );
  });
});
