import { encodeMessage, MessageType } from '../src/ingest/rtmp-message.ts';

/** What a broadcaster sends as a rule. */
export const BITS_PER_SECOND = 2_700_000;

export const PICTURE_MS = 40;
const SOUND_MS = 1_024 / 44.1;
const PICTURES_A_GROUP = 50;
const SOUND_BYTES = 250;
const KEYFRAME_PICTURES = 4;

/** AVC, coded frames, no composition offset; then the time at which it was sent. */
const STAMP_AT = 5;
const KEYFRAME = 0x17;
const PICTURE = 0x27;
const AAC = 0xaf;

const filler = Buffer.alloc(65_536, 0x5a);

/** How large a picture may be for a stream of so much, with its sound and its larger keyframes. */
function pictureBytes(bitsPerSecond: number): number {
  const bytesAGroup = (bitsPerSecond / 8 - (SOUND_BYTES * 1_000) / SOUND_MS) * ((PICTURES_A_GROUP * PICTURE_MS) / 1_000);
  return Math.round(bytesAGroup / (PICTURES_A_GROUP - 1 + KEYFRAME_PICTURES));
}

/** This host's monotonic time in milliseconds, with fractions: the same in each of its processes. */
export const hostMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/**
 * One broadcaster's RTMP messages in order, each with the time on the stream's own timeline at which it is due: 25 pictures a second
 * with a keyframe every two, and sound.
 */
export class StampedStream {
  readonly #pictureBytes: number;
  #pictures = 0;
  #sounds = 0;

  constructor(bitsPerSecond: number) {
    this.#pictureBytes = pictureBytes(bitsPerSecond);
  }

  /** Decoder configurations, to begin with. Nobody decodes what follows. */
  get opening(): Buffer {
    return Buffer.concat([
      message(MessageType.video, 0, Buffer.of(KEYFRAME, 0, 0, 0, 0, 1, 0x64, 0, 0x1f)),
      message(MessageType.audio, 0, Buffer.of(AAC, 0, 0x12, 0x10)),
    ]);
  }

  /** When the next message is due. */
  get dueMs(): number {
    return Math.min(this.#pictures * PICTURE_MS, this.#sounds * SOUND_MS);
  }

  /** The next message, a picture stamped with now. */
  next(): Buffer {
    const { dueMs } = this;
    if (dueMs === this.#pictures * PICTURE_MS) return this.#picture(dueMs);
    this.#sounds++;
    return message(MessageType.audio, dueMs, Buffer.concat([Buffer.of(AAC, 1), filler.subarray(0, SOUND_BYTES)]));
  }

  #picture(dueMs: number): Buffer {
    const isKeyframe = this.#pictures++ % PICTURES_A_GROUP === 0;
    const payload = Buffer.from(filler.subarray(0, this.#pictureBytes * (isKeyframe ? KEYFRAME_PICTURES : 1)));
    payload.set([isKeyframe ? KEYFRAME : PICTURE, 1, 0, 0, 0]);
    payload.writeDoubleBE(hostMs(), STAMP_AT);
    return message(MessageType.video, dueMs, payload);
  }
}

const message = (type: number, timestampMs: number, payload: Buffer): Buffer =>
  encodeMessage({ type, streamId: 1, timestampMs: Math.floor(timestampMs), payload });

const TAG_HEADER_BYTES = 11;
const BACK_POINTER_BYTES = 4;

export interface Picture {
  /** By `hostMs`. */
  readonly sentMs: number;
  /** On the stream's own timeline, where each is `PICTURE_MS` after the one before. */
  readonly timestampMs: number;
}

/** The pictures of a chunk, FLV tags one after another. */
export function* picturesIn(flv: Buffer): Generator<Picture> {
  for (let at = 0; at + TAG_HEADER_BYTES < flv.length; ) {
    const size = flv.readUIntBE(at + 1, 3);
    const bodyAt = at + TAG_HEADER_BYTES;
    if (flv[at] === MessageType.video && flv[bodyAt + 1] === 1)
      yield { sentMs: flv.readDoubleBE(bodyAt + STAMP_AT), timestampMs: flv.readUIntBE(at + 4, 3) };
    at = bodyAt + size + BACK_POINTER_BYTES;
  }
}
