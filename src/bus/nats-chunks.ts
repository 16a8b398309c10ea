import type { Timers } from '../clock.ts';
import type { SealedChunk } from '../media/chunk.ts';
import { decodeHeader } from '../sframe/header.ts';
import type { ChunkStream } from './bus.ts';
import type { NatsLink } from './nats-link.ts';
import { answer, ask, MAX_ANSWER_BYTES } from './nats-long-answer.ts';
import { subjectOf } from './nats-subjects.ts';

/** A joiner who waits longer is better served by the next keyframe. */
const CATCH_UP_WITHIN_MS = 1_500;
const LENGTH_BYTES = 4;
const NOTHING = Buffer.alloc(0);

/** Chunks cross as they are: what an edge needs to know of one stands in its flags byte and SFrame header. */
export const natsChunks = (link: NatsLink, timers: Timers, inbox: string): ChunkStream => ({
  publish(program, { bytes }) {
    link.send(subjectOf.chunks(program), bytes);
  },

  subscribe(program, listener) {
    const stopFollowing = link.subscribe(subjectOf.chunks(program), ({ data }) => listener.chunk(readChunk(data)));
    // A consumer that is too slow for NATS is disconnected by it, so that this covers it too.
    const stopListening = link.onReconnected(() => listener.lost());
    return () => {
      stopFollowing();
      stopListening();
    };
  },

  serveCatchUp: (program, chunks) =>
    link.subscribe(subjectOf.catchUp(program), (message) => answer(link, message, packChunks(chunks()))),

  async catchUp(program) {
    const question = { subject: subjectOf.catchUp(program), payload: NOTHING, withinMs: CATCH_UP_WITHIN_MS, inbox };
    const packed = await ask(link, timers, question);
    return packed === undefined ? [] : [...unpackChunks(packed)];
  },
});

/** @throws SFrameError, RangeError for what is no sealed chunk */
function readChunk(data: Uint8Array): SealedChunk {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const flags = bytes.readUInt8(0);
  const { kid, counter } = decodeHeader(bytes.subarray(1));
  if (kid > Number.MAX_SAFE_INTEGER || counter > Number.MAX_SAFE_INTEGER) throw new RangeError('an epoch or counter beyond 2^53');
  return { epoch: Number(kid), counter: Number(counter), flags, bytes };
}

/** None, rather than some without the keyframe that they begin with, where they are too many. */
function packChunks(chunks: readonly SealedChunk[]): Buffer {
  const wholeBytes = chunks.reduce((sum, { bytes }) => sum + LENGTH_BYTES + bytes.length, 0);
  if (wholeBytes > MAX_ANSWER_BYTES) return NOTHING;
  return Buffer.concat(
    chunks.flatMap(({ bytes }) => {
      const length = Buffer.allocUnsafe(LENGTH_BYTES);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
    wholeBytes,
  );
}

/** @throws SFrameError, RangeError for what is no sealed chunk */
function* unpackChunks(packed: Buffer): Iterable<SealedChunk> {
  for (let at = 0; at < packed.length; ) {
    const from = at + LENGTH_BYTES;
    const to = from + packed.readUInt32BE(at);
    if (to > packed.length) throw new RangeError('a chunk that is cut off');
    yield readChunk(packed.subarray(from, to));
    at = to;
  }
}
