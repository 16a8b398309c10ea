import { Transform, type TransformCallback } from 'node:stream';
import { type Chunk, Flag } from './chunk.ts';
import { encodedTagBytes, type FlvTag, type FlvTags, isKeyframe, writeTag } from './flv.ts';
import { Preamble } from './preamble.ts';

export interface ChunkerOptions {
  /** A chunk's plaintext is no larger, unless a single tag is: that is a chunk of its own. */
  readonly maxChunkBytes?: number;
}

/** A viewer decrypts a chunk as a whole: larger ones would hold the first frame in it back for longer. */
const MAX_CHUNK_BYTES = 256 * 1024;

/**
 * FLV tags in, one read of the broadcaster's socket at a time; chunks out (DESIGN.md, section 4, "Chunks and epochs"). A chunk ends
 * before a keyframe, at the size limit, and with the read: nothing waits here for a next read. A preamble comes before the
 * first media tag, and again before the first tag for which it has changed; decoder configurations and metadata come in
 * preambles only.
 *
 * Without a picture every chunk can be joined at, and is flagged as a keyframe is.
 */
export class Chunker extends Transform {
  readonly #maxChunkBytes: number;
  readonly #preamble = new Preamble();
  #pending: FlvTag[] = [];
  #pendingBytes = 0;

  constructor({ maxChunkBytes = MAX_CHUNK_BYTES }: ChunkerOptions = {}) {
    super({ objectMode: true });
    this.#maxChunkBytes = maxChunkBytes;
  }

  override _transform(tags: FlvTags, _encoding: BufferEncoding, done: TransformCallback): void {
    let failure: Error | null = null;
    try {
      this.#read(tags);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    done(failure);
  }

  #read(tags: FlvTags): void {
    for (const tag of tags) this.#preamble.see(tag);
    for (const tag of tags) {
      if (!this.#preamble.take(tag)) this.#add(tag);
    }
    this.#cut();
  }

  #add(tag: FlvTag): void {
    const bytes = encodedTagBytes(tag);
    this.#preamble.advance(tag.timestampMs);
    const preamble = this.#preamble.takeChange();
    if (preamble || isKeyframe(tag) || this.#pendingBytes + bytes > this.#maxChunkBytes) this.#cut();
    if (preamble) this.#emit({ flags: Flag.preamble, plaintext: preamble, timestampMs: tag.timestampMs });
    this.#pending.push(tag);
    this.#pendingBytes += bytes;
  }

  #cut(): void {
    const [first] = this.#pending;
    if (first === undefined) return;
    const plaintext = Buffer.allocUnsafe(this.#pendingBytes);
    let at = 0;
    for (const tag of this.#pending) at = writeTag(plaintext, at, tag);
    this.#pending = [];
    this.#pendingBytes = 0;
    const joinable = isKeyframe(first) || !this.#preamble.hasVideo;
    this.#emit({ flags: joinable ? Flag.keyframe : 0, plaintext, timestampMs: first.timestampMs });
  }

  #emit(chunk: Chunk): void {
    this.push(chunk);
  }
}
