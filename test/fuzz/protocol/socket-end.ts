import type { WebSocket } from 'ws';
import { SocketPair } from './socket-pair.ts';

/** The client's end of a socket, which says whatever it is told to. What it hears is taken in its order, one at a time. */
export class SocketEnd {
  readonly #pair: SocketPair;
  /** What was said last. */
  sent = '';
  #fault: unknown;
  #inbox: Promise<void> = Promise.resolve();

  /**
   * @param closeCodes those that a socket may be closed with
   * @param take what it throws is kept as the fault of this end
   */
  constructor(closeCodes: ReadonlySet<number>, take: (text: string) => Promise<void>) {
    this.#pair = new SocketPair({
      received: (text) => {
        this.#inbox = this.#inbox.then(() => take(text)).catch((error) => this.#failed(error));
      },
      closed: (code) => {
        if (!closeCodes.has(code)) this.#failed(new Error(`closed with ${code} after ${this.sent}`));
      },
    });
  }

  /** The other end. */
  get server(): WebSocket {
    return this.#pair.server;
  }

  get isOpen(): boolean {
    return this.#pair.isOpen;
  }

  say(message: string | Uint8Array): void {
    this.sent = String(message);
    this.#pair.say(message);
  }

  leave(): void {
    this.#pair.leave();
  }

  /** @param whose what was disturbed, or got what it should not @throws Error where something went wrong at this end */
  check(whose: string): void {
    if (this.#fault !== undefined) throw new Error(whose, { cause: this.#fault });
  }

  #failed(fault: unknown): void {
    this.#fault ??= fault;
  }
}
