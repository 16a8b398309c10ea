import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { MediaMessage } from './media-message.ts';

/** A media socket, as far as the edge needs it. */
export interface MediaSocket {
  /** Whether what is sent still leaves: a socket that is being closed takes it and drops it. */
  readonly isOpen: boolean;
  /** Bytes that were given to it and not yet to the network. */
  readonly bufferedBytes: number;
  send(message: MediaMessage): void;
  close(code: number, reason: string): void;
}

/** A viewer's WebSocket. One class of all of them, for each is asked in each pass: accessors of its own would make each a stranger. */
export class WebSocketMedia implements MediaSocket {
  readonly #socket: WebSocket;
  readonly #stream: Writable;

  /** @param stream what is beneath the socket */
  constructor(socket: WebSocket, stream: Writable) {
    this.#socket = socket;
    this.#stream = stream;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get bufferedBytes(): number {
    return this.#stream.writableLength;
  }

  /** `ws` writes each of its frames at once and whole, so that this one comes between two of them. */
  send({ frame }: MediaMessage): void {
    this.#stream.write(frame);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }
}
