import { Readable } from 'node:stream';
import { encodedTagBytes, type FlvTags } from '../media/flv.ts';

/**
 * The tags of a broadcast as a stream of `FlvTags`, one for each read of the broadcaster's socket. Bounded in bytes, which a stream of
 * objects cannot be by itself: who adds is told when it is full, and when there is room again.
 */
export class TagQueue extends Readable {
  readonly #maxQueuedBytes: number;
  readonly #queue: FlvTags[] = [];
  #queuedBytes = 0;
  #wanted = false;
  #ended = false;
  #onRoom: (() => void) | undefined;

  constructor(maxQueuedBytes: number) {
    super({ objectMode: true, highWaterMark: 1 });
    this.#maxQueuedBytes = maxQueuedBytes;
  }

  /** Adds tags. False if the queue is full now: it takes more all the same, but ought not to be given any before `onRoom`. */
  add(tags: FlvTags): boolean {
    if (this.#ended || this.destroyed) return true;
    this.#queue.push(tags);
    this.#queuedBytes += bytesOf(tags);
    this.#deliver();
    return this.#queuedBytes < this.#maxQueuedBytes;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Sets what is called once there is room again. */
  onRoom(listener: (() => void) | undefined): void {
    this.#onRoom = listener;
  }

  /** The stream ends after what is queued. */
  finish(): void {
    this.#ended = true;
    this.#deliver();
  }

  override _read(): void {
    this.#wanted = true;
    this.#deliver();
  }

  #deliver(): void {
    if (!this.#wanted || this.destroyed) return;
    const tags = this.#queue.shift();
    if (tags === undefined) {
      if (this.#ended) this.push(null);
      return;
    }
    const wasFull = this.#queuedBytes >= this.#maxQueuedBytes;
    this.#queuedBytes -= bytesOf(tags);
    this.#wanted = false;
    this.push(tags);
    if (wasFull && this.#queuedBytes < this.#maxQueuedBytes) this.#onRoom?.();
  }
}

const bytesOf = (tags: FlvTags): number => tags.reduce((sum, tag) => sum + encodedTagBytes(tag), 0);
