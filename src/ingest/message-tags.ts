import { AUDIO, type FlvTag, type FlvTagType, SCRIPT, VIDEO } from '../media/flv.ts';
import { MessageType, type RtmpMessage } from './rtmp-message.ts';
import { malformed } from './rtmp-reader.ts';

/** Whether a message carries audio, video or data of a broadcast, which only an authorized publisher may send. */
export function isMedia({ type }: RtmpMessage): boolean {
  switch (type) {
    case MessageType.audio:
    case MessageType.video:
    case MessageType.data:
    case MessageType.dataAmf3:
    case MessageType.aggregate:
      return true;
    default:
      return false;
  }
}

/**
 * The FLV tags of a media message: none if it is empty (some encoders send empty audio to begin with, on which players stumble),
 * several if it is an aggregate, else one.
 *
 * @throws TollcastError `rtmp-malformed`
 */
export function tagsOf({ type, timestampMs, payload }: RtmpMessage): FlvTag[] {
  switch (type) {
    case MessageType.audio:
      return tag(AUDIO, timestampMs, payload);
    case MessageType.video:
      return tag(VIDEO, timestampMs, payload);
    case MessageType.data:
      return tag(SCRIPT, timestampMs, scriptBody(payload));
    case MessageType.dataAmf3:
      // One byte says AMF3; what follows is AMF0 all the same.
      return tag(SCRIPT, timestampMs, scriptBody(payload.subarray(1)));
    case MessageType.aggregate:
      return aggregatedTags(timestampMs, payload);
    default:
      return [];
  }
}

const tag = (type: FlvTagType, timestampMs: number, data: Buffer): FlvTag[] =>
  data.length === 0 ? [] : [{ type, timestampMs: timestampMs >>> 0, data }];

const amfString = (text: string): Buffer => Buffer.concat([Buffer.of(2, 0, text.length), Buffer.from(text, 'latin1')]);

const SET_DATA_FRAME = amfString('@setDataFrame');
const CLEAR_DATA_FRAME = amfString('@clearDataFrame');

/** `@setDataFrame` tells a server to keep what follows; in FLV only what follows has a place. */
function scriptBody(payload: Buffer): Buffer {
  if (startsWith(payload, CLEAR_DATA_FRAME)) return payload.subarray(payload.length);
  return startsWith(payload, SET_DATA_FRAME) ? payload.subarray(SET_DATA_FRAME.length) : payload;
}

const startsWith = (bytes: Buffer, prefix: Buffer): boolean => bytes.subarray(0, prefix.length).equals(prefix);

const AGGREGATED_HEADER_BYTES = 11;
const BACK_POINTER_BYTES = 4;

/**
 * RTMP 1.0, section 7.1.6: messages with FLV's tag headers, one after another, each followed by its size. Their times count from the
 * first one's, which stands for the aggregate's own.
 */
function aggregatedTags(timestampMs: number, payload: Buffer): FlvTag[] {
  const tags: FlvTag[] = [];
  let firstMs: number | undefined;
  for (let at = 0; at < payload.length; ) {
    if (at + AGGREGATED_HEADER_BYTES > payload.length) throw malformed('sent an aggregate that ends within a header');
    const type = payload.readUInt8(at);
    const bodyAt = at + AGGREGATED_HEADER_BYTES;
    const end = bodyAt + payload.readUIntBE(at + 1, 3);
    if (end > payload.length) throw malformed('sent an aggregate that ends within a message');
    const ownMs = payload.readUIntBE(at + 4, 3) + payload.readUInt8(at + 7) * 2 ** 24;
    firstMs ??= ownMs;
    // An aggregate within an aggregate has no meaning, and would recurse.
    if (type === MessageType.aggregate) throw malformed('sent an aggregate within an aggregate');
    tags.push(
      ...tagsOf({ type, streamId: 0, timestampMs: timestampMs + ownMs - firstMs, payload: payload.subarray(bodyAt, end) }),
    );
    at = end + BACK_POINTER_BYTES;
  }
  return tags;
}
