import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  AUDIO,
  configurationSlot,
  encodeTag,
  type FlvTag,
  isDecoderConfiguration,
  isKeyframe,
  isMetadata,
  isVideoCommand,
  SCRIPT,
  VIDEO,
} from '../../src/media/flv.ts';
import {
  aacConfiguration,
  audio,
  avcConfiguration,
  interframe,
  keyframe,
  metadata,
  parseTags,
  script,
  sound,
  video,
} from './tags.ts';

/** First bytes of Enhanced RTMP video tags: bit 7, the frame type, the packet type. */
const ex = (frameType: number, packetType: number) => 0x80 | (frameType << 4) | packetType;
/** A ModEx block of `size` bytes, whose last byte names the next packet type. */
const modEx = (size: number, nextPacketType: number): (number | string)[] =>
  size <= 255
    ? [size - 1, 'x'.repeat(size), nextPacketType]
    : [255, (size - 1) >> 8, (size - 1) & 255, 'x'.repeat(size), nextPacketType];

const keyframes: [string, FlvTag][] = [
  ['AVC', keyframe(0)],
  ['HEVC as codec 12', video(0, 0x1c, 1, 0, 0, 0)],
  ['Sorenson H.263', video(0, 0x12, 0)],
  ['HEVC, coded frames', video(0, ex(1, 1), 'hvc1', 0, 0, 0)],
  ['HEVC, coded frames X', video(0, ex(1, 3), 'hvc1')],
  ['AV1', video(0, ex(1, 1), 'av01')],
  ['behind a ModEx block', video(0, ex(1, 7), ...modEx(3, 1), 'av01')],
  ['behind a ModEx block of 256 bytes', video(0, ex(1, 7), ...modEx(256, 1), 'av01')],
  ['behind two ModEx blocks', video(0, ex(1, 7), ...modEx(3, 7), ...modEx(600, 3), 'hvc1')],
  ['of track 0', video(0, ex(1, 6), 0x01, 'avc1', 0)],
  ['of several tracks', video(0, ex(1, 6), 0x11, 'avc1', 0, 0, 0, 1, 'k', 1, 0, 0, 1, 'k')],
];

const configurations: [string, FlvTag, string][] = [
  ['AVC', avcConfiguration(0), 'video 0'],
  ['AAC', aacConfiguration(0), 'audio 0'],
  ['HEVC as codec 12', video(0, 0x1c, 0, 0, 0, 0), 'video 0'],
  ['HEVC', video(0, ex(1, 0), 'hvc1'), 'video 0'],
  ['AV1', video(0, ex(1, 0), 'av01'), 'video 0'],
  ['AV1 as in MPEG-2 TS', video(0, ex(1, 5), 'av01'), 'video 0'],
  ['behind a ModEx block', video(0, ex(1, 7), ...modEx(3, 0), 'av01'), 'video 0'],
  ['of track 2', video(0, ex(1, 6), 0x00, 'avc1', 2), 'video 2'],
  ['of several tracks', video(0, ex(1, 6), 0x10, 'avc1', 0, 0, 0, 1, 'c'), 'video several'],
  ['colour metadata', video(0, ex(5, 4), 'hvc1', 'colorInfo'), 'colour 0'],
  ['colour metadata, whatever the frame type', video(0, ex(1, 4), 'hvc1', 'colorInfo'), 'colour 0'],
  ['Opus', audio(0, 0x90, 'Opus', 'OpusHead'), 'audio 0'],
  ['Opus of track 1', audio(0, 0x95, 0x00, 'Opus', 1, 'OpusHead'), 'audio 1'],
  ['channel layout', audio(0, 0x94, 'Opus', 1, 6), 'channels 0'],
];

const others: [string, FlvTag][] = [
  ['an interframe', interframe(0)],
  ['a sound', sound(0)],
  ['MP3', audio(0, 0x2f, 0)],
  ['Opus, coded frames', audio(0, 0x91, 'Opus')],
  ['Opus, end of sequence', audio(0, 0x92, 'Opus')],
  ['an AVC end of sequence, which calls itself a keyframe', video(0, 0x17, 2, 0, 0, 0)],
  ['an HEVC end of sequence, which calls itself a keyframe', video(0, ex(1, 2), 'hvc1')],
  ['an AV1 interframe', video(0, ex(2, 1), 'av01')],
  ['a keyframe of another track than the default', video(0, ex(1, 6), 0x01, 'avc1', 1)],
  ['an empty video tag', video(0)],
  ['an empty audio tag', audio(0)],
  ['a ModEx block that never ends', video(0, ex(1, 7), 255)],
  ['a multitrack header that is cut off', video(0, ex(1, 6))],
  ['metadata', metadata(0)],
  ['another script tag', script(0, 2, 0, 6, 'onText')],
];

const commands: [string, FlvTag][] = [
  ['start of seeking', video(0, 0x57, 0)],
  ['end of seeking', video(0, 0x57, 1)],
  ['start of seeking, enhanced', video(0, ex(5, 0), 0)],
];

describe('an FLV tag', () => {
  test.each(keyframes)('is a keyframe: %s', (_, tag) => {
    expect([isKeyframe(tag), isDecoderConfiguration(tag), isVideoCommand(tag)]).toEqual([true, false, false]);
  });

  test.each(configurations)('is a decoder configuration: %s', (_, tag, slot) => {
    expect(configurationSlot(tag)).toBe(slot);
    expect([isKeyframe(tag), isDecoderConfiguration(tag), isVideoCommand(tag)]).toEqual([false, true, false]);
  });

  test.each(others)('is neither: %s', (_, tag) => {
    expect([isKeyframe(tag), isDecoderConfiguration(tag), isVideoCommand(tag)]).toEqual([false, false, false]);
  });

  test.each(commands)('is a command: %s', (_, tag) => {
    expect([isKeyframe(tag), isDecoderConfiguration(tag), isVideoCommand(tag)]).toEqual([false, false, true]);
  });

  test('is metadata only as a script tag named onMetaData', () => {
    expect(isMetadata(metadata(0))).toBe(true);
    expect(isMetadata({ ...metadata(0), type: VIDEO })).toBe(false);
    expect(isMetadata(script(0, 2, 0, 10, 'onMetaDatum'))).toBe(false);
    expect(isMetadata(script(0))).toBe(false);
  });

  test('comes back from the bytes of a file, with all 32 bits of its time', () => {
    const tag = fc.record({
      type: fc.constantFrom(AUDIO, VIDEO, SCRIPT),
      timestampMs: fc.nat({ max: 2 ** 32 - 1 }),
      data: fc.uint8Array({ maxLength: 70_000 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(fc.property(tag, (tag) => expect(parseTags(encodeTag(tag))).toEqual([tag])));
  });

  test('of 16 MiB is refused: its size would not be what the file says', () => {
    expect(() => encodeTag({ type: VIDEO, timestampMs: 0, data: Buffer.alloc(2 ** 24) })).toThrow(RangeError);
  });

  test('is told apart without a crash, whatever its bytes', () => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.uint8Array({ maxLength: 12 }).map((rest) => Uint8Array.of(0x97, ...rest)),
    );
    fc.assert(
      fc.property(fc.constantFrom(AUDIO, VIDEO, SCRIPT), body, (type, bytes) => {
        const tag = { type, timestampMs: 0, data: Buffer.from(bytes) };
        expect(isKeyframe(tag) && isDecoderConfiguration(tag)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});
