import { encodeCommand, encodeMessage, setChunkSize } from '../../../src/ingest/rtmp-message.ts';
import type { FlvTag } from '../../../src/media/flv.ts';
import { avcConfiguration, interframe, keyframe } from '../../media/tags.ts';

const KEYFRAME_EVERY = 50;
const FRAME_MS = 40;

/** What an authorised publisher of the program `witness` sends while others do what they do. */
export class Witness {
  #frames = 0;

  /** Up to its first frame. */
  get opening(): Buffer {
    return Buffer.concat([
      Buffer.of(3),
      Buffer.alloc(2 * 1536, 7),
      setChunkSize(65_535),
      encodeCommand(0, 'connect', 1, { app: 'live', tcUrl: 'rtmp://localhost/live' }),
      encodeCommand(0, 'createStream', 2, null),
      encodeCommand(1, 'publish', 3, null, 'witness?key=good', 'live'),
      tagMessage(avcConfiguration(0)),
    ]);
  }

  /** Its next frame, and the bytes to send for it. */
  next(): { readonly frame: FlvTag; readonly bytes: Buffer } {
    const atMs = (this.#frames * FRAME_MS) % 2 ** 32;
    const frame = (this.#frames % KEYFRAME_EVERY === 0 ? keyframe : interframe)(atMs, `frame ${this.#frames}`);
    this.#frames++;
    return { frame, bytes: tagMessage(frame) };
  }
}

const tagMessage = ({ type, timestampMs, data }: FlvTag): Buffer =>
  encodeMessage({ type, streamId: 1, timestampMs, payload: data });
