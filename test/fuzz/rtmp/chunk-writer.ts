import type { RtmpMessage } from '../../../src/ingest/rtmp-message.ts';
import type { Random } from '../../sim/random.ts';
import { uint } from './bytes.ts';

const EXTENDED = 0xffffff;

interface LastHeader {
  readonly message: RtmpMessage;
  /** The time or difference that the header gave. */
  readonly time: number;
  readonly fmt: number;
}

/** Messages in chunks, with all that RTMP 1.0, section 5.3 allows: each form of header where it may stand. */
export class ChunkWriter {
  chunkBytes = 128;
  readonly #random: Random;
  readonly #last = new Map<number, LastHeader>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** A message in its chunks, which may stand among those of other chunk streams. */
  chunksOf(cid: number, message: RtmpMessage): Buffer[] {
    const { fmt, time } = this.#header(cid, message);
    this.#last.set(cid, { message, time, fmt });
    const extended = time >= EXTENDED ? uint(time, 4) : NOTHING;
    const { length } = message.payload;
    const fields = [
      uint(Math.min(time, EXTENDED), 3),
      Buffer.concat([uint(length, 3), Buffer.of(message.type)]),
      streamId(message),
    ];
    const first = Buffer.concat([basicHeader(fmt, cid), ...fields.slice(0, 3 - fmt), extended]);
    const chunks = [Buffer.concat([first, message.payload.subarray(0, this.chunkBytes)])];
    for (let at = this.chunkBytes; at < length; at += this.chunkBytes) {
      chunks.push(Buffer.concat([basicHeader(3, cid), extended, message.payload.subarray(at, at + this.chunkBytes)]));
    }
    return chunks;
  }

  #header(cid: number, message: RtmpMessage): { fmt: number; time: number } {
    const last = this.#last.get(cid);
    const difference = last ? message.timestampMs - last.message.timestampMs : -1;
    if (!last || difference < 0 || last.message.streamId !== message.streamId || this.#random.chance(0.2)) {
      return { fmt: 0, time: message.timestampMs };
    }
    if (
      last.message.type !== message.type ||
      last.message.payload.length !== message.payload.length ||
      this.#random.chance(0.2)
    ) {
      return { fmt: 1, time: difference };
    }
    return { fmt: last.fmt > 0 && last.time === difference ? 3 : 2, time: difference };
  }
}

const NOTHING = Buffer.alloc(0);

/** One byte, two or three, as the number needs. */
export function basicHeader(fmt: number, cid: number): Buffer {
  if (cid < 64) return Buffer.of((fmt << 6) | cid);
  if (cid < 320) return Buffer.of(fmt << 6, cid - 64);
  return Buffer.of((fmt << 6) | 1, (cid - 64) & 0xff, (cid - 64) >> 8);
}

function streamId({ streamId }: RtmpMessage): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32LE(streamId);
  return out;
}
