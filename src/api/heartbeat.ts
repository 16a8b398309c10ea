import type { WebSocket } from 'ws';
import type { Timers } from '../clock.ts';

/** Pings sockets and ends those that did not answer the ping before. */
export class Heartbeat {
  readonly #timers: Timers;
  readonly #everyMs: number;
  /** Whether each answered since it was pinged last. */
  readonly #sockets = new Map<WebSocket, boolean>();
  #cancel: (() => void) | undefined;

  constructor(timers: Timers, everyMs: number) {
    this.#timers = timers;
    this.#everyMs = everyMs;
    this.#schedule();
  }

  get size(): number {
    return this.#sockets.size;
  }

  watch(socket: WebSocket): void {
    this.#sockets.set(socket, true);
    socket.on('pong', () => this.#sockets.set(socket, true));
    socket.once('close', () => this.#sockets.delete(socket));
  }

  stop(): void {
    this.#cancel?.();
  }

  /** Resolves when every socket has closed, at the latest after `withinMs`; those that are left are ended. */
  async drain(withinMs: number): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = this.#timers.after(withinMs, () => late.resolve());
    const closed = [...this.#sockets.keys()].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await Promise.race([Promise.all(closed), late.promise]);
    cancel();
    for (const socket of this.#sockets.keys()) socket.terminate();
  }

  #schedule(): void {
    this.#cancel = this.#timers.after(this.#everyMs, () => {
      for (const [socket, answered] of this.#sockets) {
        if (!answered) {
          socket.terminate();
          continue;
        }
        this.#sockets.set(socket, false);
        socket.ping();
      }
      this.#schedule();
    });
  }
}
