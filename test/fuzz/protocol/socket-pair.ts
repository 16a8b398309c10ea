import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';

/** The far end of a `SocketPair`. */
export interface FarEnd {
  received(text: string): void;
  closed(code: number): void;
}

/**
 * A server's WebSocket with no network: what the far end says is there at once, and what the server says is at the far end. `terminate`
 * and a far end that leaves close with 1006, as a lost connection does.
 */
export class SocketPair extends EventEmitter {
  static readonly OPEN = 1;
  readonly OPEN = SocketPair.OPEN;
  readonly bufferedAmount = 0;
  readyState: number = SocketPair.OPEN;
  readonly #far: FarEnd;

  constructor(far: FarEnd) {
    super();
    this.#far = far;
  }

  /** As the server takes it. */
  get server(): WebSocket {
    return this as unknown as WebSocket;
  }

  get isOpen(): boolean {
    return this.readyState === SocketPair.OPEN;
  }

  /** From the far end. */
  say(message: string | Uint8Array): void {
    const isBinary = typeof message !== 'string';
    if (this.isOpen) this.emit('message', Buffer.from(message as string), isBinary);
  }

  leave(): void {
    this.#over(1006);
  }

  send(text: string): void {
    if (this.isOpen) this.#far.received(text);
  }

  close(code = 1005): void {
    this.#over(code);
  }

  terminate(): void {
    this.#over(1006);
  }

  /** `close` comes later, as it would by a network; what is sent meanwhile is nobody's. */
  #over(code: number): void {
    if (!this.isOpen) return;
    this.readyState = 2;
    queueMicrotask(() => {
      this.readyState = 3;
      this.emit('close', code);
      this.#far.closed(code);
    });
  }
}
