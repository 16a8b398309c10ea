import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

/**
 * A server's end of a TCP connection without a network: behaves as a socket does to a session. The other end is played by who made it.
 * Emits what a socket does: `data`, `close`.
 */
export class MemorySocket extends EventEmitter {
  /** What the other end was sent and has not taken. */
  readonly sent: Buffer[] = [];
  /** The other end reads nothing: what it is sent piles up. */
  isRead = true;
  closed = false;
  #received: Buffer[] = [];
  #paused = false;
  #ended = false;
  #unsentBytes = 0;

  /** As the session takes it. */
  get socket(): Socket {
    return this as unknown as Socket;
  }

  // What the session sees.

  setNoDelay(): this {
    return this;
  }

  get writable(): boolean {
    return !this.#ended && !this.closed;
  }

  get writableLength(): number {
    return this.#unsentBytes;
  }

  write(bytes: Buffer): boolean {
    if (!this.writable) throw new Error('written after its end');
    this.sent.push(bytes);
    if (!this.isRead) this.#unsentBytes += bytes.length;
    return this.#unsentBytes === 0;
  }

  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    this.#paused = false;
    process.nextTick(() => this.#flow());
    return this;
  }

  end(): this {
    this.#ended = true;
    return this;
  }

  destroy(): this {
    if (this.closed) return this;
    this.closed = true;
    this.#received = [];
    process.nextTick(() => this.emit('close'));
    return this;
  }

  // What the other end does and sees.

  /** What is sent to a socket that is not read waits. */
  receive(bytes: Buffer): void {
    if (this.closed || bytes.length === 0) return;
    this.#received.push(bytes);
    this.#flow();
  }

  /** Everything that was sent to it has been taken. */
  get isIdle(): boolean {
    return this.closed || this.#received.length === 0;
  }

  get isEnded(): boolean {
    return this.#ended || this.closed;
  }

  #flow(): void {
    while (!this.#paused && !this.closed) {
      const next = this.#received.shift();
      if (next === undefined) return;
      this.emit('data', next);
    }
  }
}
