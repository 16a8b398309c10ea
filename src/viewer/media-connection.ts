import { MEDIA_SUBPROTOCOL } from '../protocol/messages.ts';
import { splitMediaMessage } from './media-message.ts';
import type { OpenSocket, Socket } from './socket.ts';

export interface MediaEvents {
  /** A sealed chunk. False breaks the connection off. */
  chunk(sealed: Uint8Array<ArrayBuffer>): boolean;
  /** The connection is over, but not by `close()`. Called once. */
  lost(): void;
}

/** One media socket, from opening to close: hands on the sealed chunks that it brings. */
export class MediaConnection {
  readonly #socket: Socket;
  readonly #events: MediaEvents;
  #open = true;
  #reached = false;

  constructor(url: string, openSocket: OpenSocket, events: MediaEvents) {
    this.#events = events;
    this.#socket = openSocket(url, MEDIA_SUBPROTOCOL);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.addEventListener('open', () => {
      this.#reached = true;
    });
    this.#socket.addEventListener('message', ({ data }) => this.#receive(data));
    this.#socket.addEventListener('close', () => this.breakOff());
    // A `close` follows every `error`, and says as little about the cause.
    this.#socket.addEventListener('error', () => {});
  }

  get open(): boolean {
    return this.#open;
  }

  /** Whether the edge took the ticket. */
  get reached(): boolean {
    return this.#reached;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.close(1000);
  }

  /** Closes it and reports it lost. */
  breakOff(): void {
    if (!this.#open) return;
    this.close();
    this.#events.lost();
  }

  #receive(data: unknown): void {
    if (!this.#open) return;
    const chunks = data instanceof ArrayBuffer ? splitMediaMessage(new Uint8Array(data)) : undefined;
    if (chunks === undefined || !chunks.every((sealed) => this.#events.chunk(sealed))) this.breakOff();
  }
}
