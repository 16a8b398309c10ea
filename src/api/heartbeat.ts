import type { WebSocket } from 'ws';
import type { Timers } from '../clock.ts';

/** Pings and pongs together that a socket may send from one ping to the next. Clients have no need of any but their answer. */
const MAX_CONTROL_FRAMES = 100;

interface Pulse {
  /** Whether it answered since it was pinged last. */
  answered: boolean;
  /** Pings and pongs since then. */
  frames: number;
}

/** Pings sockets, and ends those that did not answer the ping before or send pings and pongs without end. */
export class Heartbeat {
  readonly #timers: Timers;
  readonly #everyMs: number;
  readonly #sockets = new Map<WebSocket, Pulse>();
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
    const pulse: Pulse = { answered: true, frames: 0 };
    this.#sockets.set(socket, pulse);
    const came = () => {
      pulse.frames++;
      if (pulse.frames > MAX_CONTROL_FRAMES) socket.terminate();
    };
    socket.on('ping', came);
    socket.on('pong', () => {
      pulse.answered = true;
      came();
    });
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
      for (const [socket, pulse] of this.#sockets) {
        if (!pulse.answered) {
          socket.terminate();
          continue;
        }
        pulse.answered = false;
        pulse.frames = 0;
        socket.ping();
      }
      this.#schedule();
    });
  }
}
