import type { Clock, Timers } from '../clock.ts';
import type { SealedChunk } from '../media/chunk.ts';
import { decodeHeader } from '../sframe/header.ts';
import type { ChunkStream } from './bus.ts';
import type { NatsLink } from './nats-link.ts';
import { answer, ask, MAX_ANSWER_BYTES } from './nats-long-answer.ts';
import { QuestionBudget } from './nats-question-budget.ts';
import { ANY, edgeIn, inboxOf, subjectOf } from './nats-subjects.ts';

/** A joiner who waits longer is better served by the next keyframe. */
const CATCH_UP_WITHIN_MS = 1_500;
const LENGTH_BYTES = 4;
const NOTHING = Buffer.alloc(0);

/**
 * Chunks cross as they are: what an edge needs to know of one stands in its flags byte and SFrame header.
 * @param edge of an edge, which may ask for a catch-up; undefined for other roles
 */
export function natsChunks(link: NatsLink, clock: Clock, timers: Timers, edge: string | undefined): ChunkStream {
  /** What joiners of a program were last given, to be given again while it is the same. */
  const packed = new Map<string, PackedChunks>();
  return {
    publish(program, { bytes }) {
      packed.delete(program);
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

    serveCatchUp(program, chunks) {
      const budget = new QuestionBudget(clock);
      const unsubscribe = link.subscribe(subjectOf.catchUp(program, ANY), (message) => {
        const asker = edgeIn(message.subject);
        budget.take(asker);
        const kept = repacked(packed.get(program), chunks());
        packed.set(program, kept);
        answer(link, message, kept.whole, asker);
      });
      return () => {
        unsubscribe();
        packed.delete(program);
      };
    },

    async catchUp(program) {
      if (edge === undefined) return [];
      const subject = subjectOf.catchUp(program, edge);
      const whole = await ask(link, timers, { subject, payload: NOTHING, withinMs: CATCH_UP_WITHIN_MS, inbox: inboxOf(edge) });
      return whole === undefined ? [] : [...unpackChunks(whole)];
    },
  };
}

interface PackedChunks {
  readonly chunks: readonly SealedChunk[];
  readonly whole: Buffer;
}

function repacked(known: PackedChunks | undefined, chunks: readonly SealedChunk[]): PackedChunks {
  const isSame = known?.chunks.length === chunks.length && chunks.every((chunk, at) => chunk === known.chunks[at]);
  return isSame ? known : { chunks, whole: packChunks(chunks) };
}

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
