import { describe, expect, test } from '@jest/globals';
import { tagsOf } from '../../src/ingest/message-tags.ts';
import { MessageType } from '../../src/ingest/rtmp-message.ts';
import { encodeTag, type FlvTag } from '../../src/media/flv.ts';
import { amf0, interframe, keyframe, metadata, sound } from '../media/tags.ts';

const message = (type: number, timestampMs: number, payload: Buffer) => ({ type, streamId: 1, timestampMs, payload });
const aggregate = (timestampMs: number, ...tags: FlvTag[]) =>
  message(MessageType.aggregate, timestampMs, Buffer.concat(tags.map(encodeTag)));

describe('A media message becomes', () => {
  test('no tag when it is empty', () => {
    expect(tagsOf(message(MessageType.audio, 0, Buffer.alloc(0)))).toEqual([]);
  });

  test('metadata without @setDataFrame, in AMF3’s wrapping too', () => {
    const payload = Buffer.concat([amf0('@setDataFrame'), metadata(0).data]);
    expect(tagsOf(message(MessageType.data, 0, payload))).toEqual([metadata(0)]);
    expect(tagsOf(message(MessageType.dataAmf3, 0, Buffer.concat([Buffer.of(0), payload])))).toEqual([metadata(0)]);
    expect(tagsOf(message(MessageType.data, 0, metadata(0).data))).toEqual([metadata(0)]);
  });

  test('no tag when it takes metadata back', () => {
    expect(tagsOf(message(MessageType.data, 0, Buffer.concat([amf0('@clearDataFrame'), amf0('onMetaData')])))).toEqual([]);
  });

  test('the tags of an aggregate, timed from its own time', () => {
    expect(tagsOf(aggregate(1000, keyframe(500), sound(510), interframe(540)))).toEqual([
      keyframe(1000),
      sound(1010),
      interframe(1040),
    ]);
    expect(tagsOf(aggregate(0xfffffff0, keyframe(500), interframe(540)))[1]?.timestampMs).toBe(24);
  });
});

test.each([
  ['ends within a header', Buffer.alloc(5)],
  ['ends within a message', encodeTag(keyframe(0)).subarray(0, 14)],
  ['holds another', Buffer.concat([Buffer.of(22, 0, 0, 1), Buffer.alloc(12)])],
])('An aggregate that %s is refused', (_, payload) => {
  expect(() => tagsOf(message(MessageType.aggregate, 0, payload))).toThrow(expect.objectContaining({ code: 'rtmp-malformed' }));
});
