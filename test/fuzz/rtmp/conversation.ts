import type { RtmpMessage } from '../../../src/ingest/rtmp-message.ts';
import { MessageType } from '../../../src/ingest/rtmp-message.ts';
import type { Random } from '../../sim/random.ts';
import { mutated, randomBytes } from './bytes.ts';
import { ChunkWriter } from './chunk-writer.ts';
import { STREAM_NAMES, type Step, strangeStep, wholeSession } from './steps.ts';

/** One connection to the RTMP port, as its other end means to have it. */
export interface Conversation {
  /** What each read of the server's socket gives it. */
  readonly reads: readonly Buffer[];
  /** It does not take what it is answered. */
  readonly isDeaf: boolean;
  /** It says nothing more after the last read, and stays. */
  readonly stays: boolean;
}

const PART_BYTES = 1536;
const MAX_READ_BYTES = 65_536;

/**
 * Most are a publisher's session with something done to it: steps missing, repeated, exchanged or strange ones between, or harm to
 * the bytes; so most get past the handshake, and many to media.
 */
export function conversation(random: Random): Conversation {
  const steps = wholeSession(random, random.chance(0.8) ? 'attacked?key=good' : random.pick(STREAM_NAMES));
  const kind = random.next();
  if (kind > 0.35) disturb(random, steps);
  const chunks = written(random, steps);
  const bytes = Buffer.concat([handshake(random), kind > 0.05 && kind < 0.4 ? harmed(random, chunks) : chunks]);
  return { reads: split(random, bytes), isDeaf: random.chance(0.05), stays: random.chance(0.3) };
}

/** As a rule some of it is left as it is, so that the harm comes late. */
function harmed(random: Random, bytes: Buffer): Buffer {
  const from = random.chance(0.3) ? 0 : random.between(0, bytes.length);
  return Buffer.concat([bytes.subarray(0, from), mutated(random, bytes.subarray(from), random.between(1, 4))]);
}

function disturb(random: Random, steps: Step[]): void {
  for (let left = random.between(1, 3); left > 0; left--) {
    const at = random.between(0, steps.length);
    const [there, next] = [steps[at], steps[at + 1]];
    switch (random.between(0, 6)) {
      case 0:
        steps.splice(at, 1);
        break;
      case 1:
        if (there) steps.splice(random.between(0, steps.length), 0, there);
        break;
      case 2:
        if (there && next) steps.splice(at, 2, next, there);
        break;
      default:
        steps.splice(at, 0, strangeStep(random));
    }
  }
}

/** Short, long, of another version, cut off; as it should be, as a rule. */
function handshake(random: Random): Buffer {
  const right = Buffer.alloc(1 + 2 * PART_BYTES, random.between(0, 255));
  right[0] = 3;
  if (random.chance(0.95)) return right;
  switch (random.between(0, 4)) {
    case 0:
      return right.subarray(0, random.between(0, right.length));
    case 1:
      return Buffer.concat([right, randomBytes(random, random.between(1, 100))]);
    case 2:
      right[0] = random.between(0, 255);
      return right;
    case 3:
      return mutated(random, right, random.between(1, 5));
    default:
      return randomBytes(random, random.between(0, 400));
  }
}

/** Chunks of messages of different chunk streams may stand between each other. */
function written(random: Random, steps: readonly Step[]): Buffer {
  const writer = new ChunkWriter(random);
  const lanes = new Map<number, Buffer[]>();
  const out: Buffer[] = [];
  const flush = () => {
    while (lanes.size > 0) {
      const [cid, chunks] = random.pick([...lanes]);
      const chunk = chunks.pop();
      if (chunk) out.push(chunk);
      else lanes.delete(cid);
    }
  };
  for (const step of steps) {
    if (Buffer.isBuffer(step)) {
      flush();
      out.push(step);
      continue;
    }
    const { cid, message } = step;
    const mixes = message.type === MessageType.audio || message.type === MessageType.video;
    if (!mixes || lanes.has(cid)) flush();
    // From the last to the first: of the smallest chunks there are very many.
    lanes.set(cid, writer.chunksOf(cid, message).reverse());
    if (!mixes || random.chance(0.7)) flush();
    writer.chunkBytes = chunkBytesAfter(message) ?? writer.chunkBytes;
  }
  flush();
  return Buffer.concat(out);
}

/** A chunk size that no reader takes changes nothing. */
function chunkBytesAfter({ type, payload }: RtmpMessage): number | undefined {
  if (type !== MessageType.setChunkSize || payload.length < 4) return undefined;
  const bytes = payload.readUInt32BE();
  return bytes > 0 && bytes <= 0x7fffffff ? bytes : undefined;
}

function split(random: Random, bytes: Buffer): Buffer[] {
  const sizes = random.pick([() => MAX_READ_BYTES, () => 1_460, () => random.between(1, 3_000), () => random.between(1, 100)]);
  const reads: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    // The handshake is no news.
    const size = at < 2 * PART_BYTES && random.chance(0.95) ? 2 * PART_BYTES + sizes() : sizes();
    const end = Math.min(bytes.length, at + Math.min(size, MAX_READ_BYTES));
    reads.push(bytes.subarray(at, end));
    at = end;
  }
  return reads;
}
