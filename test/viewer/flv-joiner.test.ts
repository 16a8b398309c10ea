import { beforeEach, describe, expect, test } from '@jest/globals';
import { Flag } from '../../src/media/chunk.ts';
import { flvHeader } from '../../src/media/flv.ts';
import { FlvJoiner } from '../../src/viewer/flv-joiner.ts';
import { CONFIGURATION, flvTag, HEADER, PREAMBLE } from './viewer-harness.ts';

let joiner: FlvJoiner;
const join = (flags: number, ...parts: readonly Uint8Array[]) => joiner.join({ flags, plaintext: Buffer.concat(parts) });

beforeEach(() => {
  joiner = new FlvJoiner();
});

describe('joining chunks to one FLV stream', () => {
  test('begins with the first preamble, whole', () => {
    expect(join(Flag.preamble, PREAMBLE)).toMatchObject({ kind: 'preamble', bytes: PREAMBLE });
  });

  test('passes on nothing before there is a preamble', () => {
    expect(join(Flag.keyframe, flvTag(9, 0, 'keyframe'))).toBeUndefined();
  });

  test('swallows a preamble that is the same as the last, and passes on a changed one without its header', () => {
    const other = flvTag(9, 0, 'another configuration');
    join(Flag.preamble, PREAMBLE);
    expect(join(Flag.preamble, PREAMBLE)).toBeUndefined();
    expect(join(Flag.preamble, HEADER, other)?.bytes).toEqual(other);
    expect(join(Flag.preamble, HEADER, other)).toBeUndefined();
    expect(join(Flag.preamble, PREAMBLE)?.bytes).toEqual(CONFIGURATION);
  });

  test('says that a decoder can begin at a keyframe, and anywhere if there is only sound', () => {
    join(Flag.preamble, PREAMBLE);
    expect(join(Flag.keyframe, flvTag(9, 0, 'keyframe'))?.decodable).toBe(true);
    expect(join(0, flvTag(9, 40, 'frame'))?.decodable).toBe(false);
    joiner = new FlvJoiner();
    join(Flag.preamble, flvHeader({ audio: true, video: false }));
    expect(join(0, flvTag(8, 0, 'sound'))?.decodable).toBe(true);
  });

  test('passes on what was sealed again for joiners to who has just joined', () => {
    join(Flag.preamble, PREAMBLE);
    const chunk = [flvTag(9, 0, 'keyframe'), flvTag(8, 3, 'sound'), flvTag(9, 40, 'frame')];
    expect(join(Flag.forJoiners | Flag.keyframe, ...chunk)).toMatchObject({ bytes: Buffer.concat(chunk), decodable: true });
  });

  test('leaves out of it what who joined again has already, tag by tag', () => {
    join(Flag.preamble, PREAMBLE);
    join(Flag.keyframe, flvTag(9, 0, 'keyframe'), flvTag(8, 3, 'sound'));
    const again = [flvTag(9, 0, 'keyframe'), flvTag(8, 3, 'sound'), flvTag(9, 40, 'frame'), flvTag(8, 26, 'more sound')];
    const piece = join(Flag.forJoiners | Flag.keyframe, ...again);
    expect(piece).toMatchObject({ bytes: new Uint8Array(Buffer.concat(again.slice(2))), decodable: false });
    expect(join(Flag.forJoiners, ...again)).toBeUndefined();
  });

  test('knows later from earlier where the 32-bit timeline wraps around', () => {
    join(Flag.preamble, PREAMBLE);
    join(Flag.keyframe, flvTag(9, 0xffff_fff0, 'keyframe'));
    expect(join(Flag.forJoiners, flvTag(9, 0xffff_fff0, 'keyframe'))).toBeUndefined();
    expect(join(Flag.forJoiners, flvTag(9, 8, 'frame'))?.bytes).toEqual(flvTag(9, 8, 'frame'));
  });
});
