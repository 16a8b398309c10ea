/** A chunk before and after sealing (DESIGN.md, section 4, "Chunks and epochs"; docs/PROTOCOL.md, "Media messages"). */

/** Flags byte that precedes each ciphertext and is its SFrame metadata (RFC 9605, section 4.4.3: authenticated, not encrypted). */
export const Flag = {
  /** FLV header, metadata and decoder configurations: what a joiner needs first. */
  preamble: 1,
  /** Begins with a keyframe. */
  keyframe: 2,
  /** Sealed again for those who join; who has the previous epoch's chunks has this already. */
  forJoiners: 4,
} as const;

/** FLV bytes that are sealed as one. */
export interface Chunk {
  readonly flags: number;
  readonly plaintext: Buffer;
  /** Timeline position (milliseconds modulo 2^32) of the first tag in it; of a preamble, of the tag that it precedes. */
  readonly timestampMs: number;
}

/** What is sent to viewers: one flags byte, then an SFrame ciphertext (header, encrypted data, tag) under the epoch's key. */
export interface SealedChunk {
  readonly epoch: number;
  /** SFrame CTR: 0, 1, 2 … within the epoch. */
  readonly counter: number;
  readonly flags: number;
  /** Flags byte and SFrame ciphertext. */
  readonly bytes: Buffer;
}
