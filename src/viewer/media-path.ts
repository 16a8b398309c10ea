import { ChunkOpener, type DroppedChunks, type OpenedChunk } from './chunk-opener.ts';
import { FlvJoiner, type FlvPiece } from './flv-joiner.ts';
import { FlvQueue } from './flv-queue.ts';
import { KeyHolder } from './key-holder.ts';

export interface MediaStatistics {
  readonly openedChunks: number;
  readonly droppedChunks: DroppedChunks;
  /** FLV bytes passed on. */
  readonly mediaBytes: number;
}

export interface MediaPathEvents {
  /** A chunk of that epoch has been opened. */
  opened(epoch: number): void;
  /** FLV bytes to pass on, in order. */
  piece(piece: FlvPiece): void;
}

/** From sealed chunks and content keys to FLV bytes: opens, puts in order, joins, hands out. */
export class MediaPath {
  readonly #events: MediaPathEvents;
  readonly #keys = new KeyHolder();
  readonly #opener = new ChunkOpener(this.#keys, (chunk) => this.#opened(chunk));
  readonly #joiner = new FlvJoiner();
  readonly #queues = new Set<FlvQueue>();
  #mediaBytes = 0;
  #ended = false;

  constructor(events: MediaPathEvents) {
    this.#events = events;
  }

  get statistics(): MediaStatistics {
    return { openedChunks: this.#opener.opened, droppedChunks: this.#opener.dropped, mediaBytes: this.#mediaBytes };
  }

  hold(epoch: number, contentKey: Uint8Array): Promise<void> {
    return this.#keys.hold(epoch, contentKey);
  }

  /** False: too much is being opened already, and this chunk was not taken. */
  accept(sealed: Uint8Array<ArrayBuffer>): boolean {
    return this.#opener.accept(sealed);
  }

  bytes(maxQueuedBytes?: number): FlvQueue {
    const queue = new FlvQueue(maxQueuedBytes);
    if (this.#ended) queue.end();
    else this.#queues.add(queue);
    return queue;
  }

  /** Gives out what is still being opened, then ends every queue and forgets the keys. */
  async end(): Promise<void> {
    await this.#opener.drained();
    this.#ended = true;
    this.#keys.clear();
    for (const queue of this.#queues) queue.end();
    this.#queues.clear();
  }

  #opened(chunk: OpenedChunk): void {
    this.#events.opened(chunk.epoch);
    const piece = this.#joiner.join(chunk);
    if (piece === undefined) return;
    this.#mediaBytes += piece.bytes.length;
    for (const queue of this.#queues) queue.push(piece);
    this.#events.piece(piece);
  }
}
