import type { FlvPiece } from './flv-joiner.ts';
import { MAX_QUEUED_BYTES } from './limits.ts';

/**
 * FLV bytes between a live broadcast, which waits for nobody, and a reader that may be slow. When the reader falls behind by
 * more than the bound, what comes is left out until a decoder can begin again; a decoder configuration is never left out.
 */
export class FlvQueue implements AsyncIterableIterator<Uint8Array> {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #queuedBytes = 0;
  #leavingOut = false;
  #preamble: FlvPiece | undefined;
  #leftOutBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(maxBytes: number = MAX_QUEUED_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** How much was left out because the reader was too slow. */
  get leftOutBytes(): number {
    return this.#leftOutBytes;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  push(piece: FlvPiece): void {
    if (this.#ended) return;
    const preambleBytes = this.#preamble?.bytes.length ?? 0;
    const fits = this.#queuedBytes === 0 || this.#queuedBytes + preambleBytes + piece.bytes.length <= this.#maxBytes;
    this.#leavingOut = this.#leavingOut ? !(fits && piece.decodable) : !fits;
    if (this.#leavingOut) {
      this.#leaveOut(piece);
      return;
    }
    if (this.#preamble !== undefined) this.#append(this.#preamble.bytes);
    this.#preamble = undefined;
    this.#append(piece.bytes);
  }

  /** No more will come; what is queued can still be read. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** Takes the next bytes if there are any. */
  take(): Uint8Array | undefined {
    const bytes = this.#pieces.shift();
    this.#queuedBytes -= bytes?.length ?? 0;
    return bytes;
  }

  /** For one reader at a time. */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const value = this.take();
      if (value !== undefined) return { done: false, value };
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The reader has left: nothing is queued for it any more. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#pieces = [];
    this.#queuedBytes = 0;
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #append(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#wake?.();
  }

  #leaveOut(piece: FlvPiece): void {
    if (piece.kind === 'preamble') this.#preamble = piece;
    else this.#leftOutBytes += piece.bytes.length;
  }
}
