import { Flag } from '../../../src/media/chunk.ts';
import { SFrameSealer } from '../../../src/sframe/node.ts';
import { CHUNK_SUITE } from '../../../src/sframe/suites.ts';
import { ChunkOpener, type OpenedChunk } from '../../../src/viewer/chunk-opener.ts';
import { FlvJoiner } from '../../../src/viewer/flv-joiner.ts';
import { KeyHolder } from '../../../src/viewer/key-holder.ts';
import { splitMediaMessage } from '../../../src/viewer/media-message.ts';
import type { Random } from '../../sim/random.ts';
import { mediaMessage } from '../../viewer/fake-server.ts';
import { flvTag, HEADER } from '../../viewer/viewer-harness.ts';
import { mutatedBytes } from '../mutation.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';

/** Chunks of an epoch, before the next begins. */
const EPOCH_CHUNKS = 500;
const KEPT_CHUNKS = 100;

const keyOf = (epoch: number): Uint8Array => new Uint8Array(32).fill(epoch);

const FLAGS = [0, 0, 0, Flag.preamble, Flag.keyframe, Flag.forJoiners, Flag.keyframe | Flag.forJoiners, 0xff];

/**
 * Media messages as a viewer takes them apart. What is passed on was sealed so, in that order; and whatever came before, the next true
 * chunk is. What is sealed may itself be nonsense, as a broadcaster can make it.
 */
class ChunkSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #keys = new KeyHolder();
  readonly #opener = new ChunkOpener(this.#keys, (chunk) => this.#passedOn(chunk));
  readonly #joiner = new FlvJoiner();
  /** The newest chunks: what an attacker on the way can send again, and what may come out. */
  readonly #sealed = new Map<string, { readonly bytes: Buffer; readonly plaintext: Buffer; readonly flags: number }>();
  #sealer: SFrameSealer | undefined;
  #epoch = 0;
  #counter = EPOCH_CHUNKS;
  #last: readonly [epoch: number, counter: number] = [0, -1];

  async input(random: Random): Promise<void> {
    if (this.#counter >= EPOCH_CHUNKS) await this.#beginEpoch();
    const isHonest = random.chance(0.3);
    const message = isHonest ? mediaMessage(this.#seal(random)) : this.#madeMessage(random);
    const chunks = splitMediaMessage(Uint8Array.from(message));
    if (chunks === undefined) this.outcomes.count('no message');
    const before = this.#opener.dropped;
    for (const chunk of chunks ?? []) if (!this.#opener.accept(chunk)) throw new Error('too much is being opened');
    await this.#opener.drained();
    const after = this.#opener.dropped;
    for (const why of ['withoutKey', 'replayed', 'forged', 'malformed'] as const)
      if (after[why] > before[why]) this.outcomes.count(why);
    if (isHonest && (this.#last[0] !== this.#epoch || this.#last[1] !== this.#counter - 1))
      throw new Error(`chunk ${this.#counter - 1} of epoch ${this.#epoch} did not come out`);
  }

  async close(): Promise<void> {
    this.#keys.clear();
  }

  async #beginEpoch(): Promise<void> {
    this.#epoch += 1;
    this.#counter = 0;
    this.#sealer = new SFrameSealer(CHUNK_SUITE, this.#epoch, keyOf(this.#epoch));
    await this.#keys.hold(this.#epoch, keyOf(this.#epoch));
  }

  #seal(random: Random): Buffer {
    const flags = random.pick(FLAGS);
    const plaintext = madeFlv(random, flags);
    const bytes = this.#sealer?.seal(this.#counter, Uint8Array.of(flags), plaintext, 1) ?? Buffer.alloc(0);
    bytes[0] = flags;
    this.#sealed.set(`${this.#epoch} ${this.#counter++}`, { bytes, plaintext, flags });
    const [oldest] = this.#sealed.keys();
    if (this.#sealed.size > KEPT_CHUNKS && oldest !== undefined) this.#sealed.delete(oldest);
    return bytes;
  }

  #madeMessage(random: Random): Uint8Array {
    const known = [...this.#sealed.values()].slice(-8);
    if (known.length === 0) return Buffer.from([0, 0, 0, 1]);
    const chunks = Array.from({ length: random.between(1, 4) }, () => {
      const { bytes } = random.pick(known);
      const way = random.next();
      if (way < 0.2) return bytes;
      if (way < 0.5) return Buffer.concat([mutatedBytes(random, bytes.subarray(0, 19)), bytes.subarray(19)]);
      if (way < 0.7) return Buffer.concat([bytes.subarray(0, 1), madeHeader(random), bytes.subarray(-random.between(1, 40))]);
      return mutatedBytes(random, bytes);
    });
    if (random.chance(0.1)) {
      const next = this.#seal(random);
      chunks.splice(1, 0, ...(random.chance(0.5) ? [next, next] : [next]));
    }
    return random.chance(0.3) ? mutatedBytes(random, mediaMessage(...chunks)) : mediaMessage(...chunks);
  }

  #passedOn({ epoch, counter, flags, plaintext }: OpenedChunk): void {
    const sealed = this.#sealed.get(`${epoch} ${counter}`);
    if (sealed === undefined || !sealed.plaintext.equals(plaintext) || sealed.flags !== flags)
      throw new Error(`chunk ${counter} of epoch ${epoch} came out otherwise`);
    const [lastEpoch, lastCounter] = this.#last;
    if (epoch < lastEpoch || (epoch === lastEpoch && counter <= lastCounter))
      throw new Error(`chunk ${counter} of epoch ${epoch} came again`);
    this.#last = [epoch, counter];
    const piece = this.#joiner.join({ flags, plaintext });
    if (piece !== undefined && piece.bytes.length > plaintext.length) throw new Error('more came out than went in');
    this.outcomes.count(piece?.kind ?? 'nothing to pass on');
  }
}

/** An SFrame header (RFC 9605, section 4.3), its fields not always in as few bytes as they need. */
function madeHeader(random: Random): Buffer {
  const fields = Buffer.from(Array.from({ length: 16 }, () => random.pick([0, 0, 1, 7, 8, 255, random.between(0, 255)])));
  return Buffer.concat([Buffer.of(random.between(0, 255)), fields.subarray(0, random.between(0, 16))]);
}

/** What is sealed: FLV tags, sizes and times that are lies, or nothing of the kind. */
function madeFlv(random: Random, flags: number): Buffer {
  const tags = Array.from({ length: random.between(0, 3) }, () =>
    flvTag(
      random.pick([8, 9, 18]),
      random.pick([0, 40, 2 ** 31, 2 ** 32 - 1, random.between(0, 1e6)]),
      Buffer.alloc(random.between(0, 60)),
    ),
  );
  const flv = Buffer.concat([...(flags & Flag.preamble ? [HEADER] : []), ...tags]);
  return random.chance(0.3) ? mutatedBytes(random, flv) : flv;
}

export const chunks: FuzzTarget = {
  name: 'chunks',
  description: "media messages, SFrame ciphertexts and FLV tags, through a viewer's decoders",
  open: async () => new ChunkSession(),
};
