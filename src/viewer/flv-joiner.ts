import { Flag } from '../media/chunk.ts';
import { FLV_HEADER_BYTES, TagTimeline } from './flv-tags.ts';

/** FLV bytes to pass on: whole tags, the very first piece with the FLV header before them. */
export interface FlvPiece {
  readonly bytes: Uint8Array;
  /** `preamble`: metadata and decoder configurations only. */
  readonly kind: 'preamble' | 'media';
  /** Whether a decoder that has the preamble can begin here. */
  readonly decodable: boolean;
}

/** Position of the FLV header's flags, and the one of them that says video. */
const HEADER_FLAGS_AT = 4;
const HEADER_HAS_VIDEO = 1;

/**
 * Makes one FLV stream of opened chunks. Every epoch opens with a preamble of its own: the first is passed on whole, one that
 * is the same as the last is swallowed, a changed one is passed on without its FLV header.
 */
export class FlvJoiner {
  #preamble: Uint8Array | undefined;
  readonly #timeline = new TagTimeline();

  /** What to pass on of a chunk, if anything. */
  join(chunk: { readonly flags: number; readonly plaintext: Uint8Array }): FlvPiece | undefined {
    if (chunk.flags & Flag.preamble) return this.#joinPreamble(chunk.plaintext);
    if (this.#preamble === undefined) return undefined;
    const hasVideo = ((this.#preamble[HEADER_FLAGS_AT] ?? 0) & HEADER_HAS_VIDEO) !== 0;
    // Sealed again for joiners: who joins again after a lost socket has some of its tags already.
    const bytes = chunk.flags & Flag.forJoiners ? this.#timeline.laterThanNoted(chunk.plaintext) : chunk.plaintext;
    if (bytes.length === 0) return undefined;
    this.#timeline.advance(bytes);
    const whole = bytes.length === chunk.plaintext.length;
    return { bytes, kind: 'media', decodable: !hasVideo || (whole && (chunk.flags & Flag.keyframe) !== 0) };
  }

  #joinPreamble(plaintext: Uint8Array): FlvPiece | undefined {
    const before = this.#preamble;
    if (before !== undefined && sameBytes(before, plaintext)) return undefined;
    this.#preamble = plaintext;
    const bytes = before === undefined ? plaintext : plaintext.subarray(FLV_HEADER_BYTES);
    return { bytes, kind: 'preamble', decodable: false };
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at]);
