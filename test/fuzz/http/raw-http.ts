import type { Server } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

/** Turns without anything new after which a server has said what it will. */
const QUIET_TURNS = 4;

/** A connection to an HTTP server with no network, for bytes that no client sends. */
export class RawConnection {
  readonly #near: Duplex;
  readonly #far: Duplex;
  #received: Buffer[] = [];
  #isOver = false;

  constructor(server: Server) {
    [this.#near, this.#far] = duplexPair();
    this.#near.on('data', (bytes: Buffer) => this.#received.push(bytes));
    this.#near.on('end', () => {
      this.#isOver = true;
    });
    this.#near.on('close', () => {
      this.#isOver = true;
    });
    for (const side of [this.#near, this.#far]) side.on('error', () => undefined);
    // As a socket has them.
    Object.assign(this.#far, { setTimeout: () => this.#far, setNoDelay: () => this.#far, setKeepAlive: () => this.#far });
    server.emit('connection', this.#far);
  }

  get isOver(): boolean {
    return this.#isOver || this.#far.destroyed;
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** What came since it was asked last. */
  take(): Buffer {
    const taken = this.received;
    this.#received = [];
    return taken;
  }

  write(bytes: Uint8Array | string): void {
    if (!this.#near.destroyed && !this.#near.writableEnded) this.#near.write(bytes);
  }

  end(): void {
    this.#near.end();
  }

  /** All that comes in answer to what was written. */
  async quiet(): Promise<void> {
    let pieces = -1;
    for (let turns = 0; turns < QUIET_TURNS && !this.#isOver; turns++) {
      await setImmediate();
      if (this.#received.length !== pieces) turns = 0;
      pieces = this.#received.length;
    }
  }

  destroy(): void {
    this.#near.destroy();
    this.#far.destroy();
  }
}

export interface RawResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** The first response in what came. @throws Error where that is none */
export function firstResponse(bytes: Buffer): RawResponse {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  if (end < 0 || Number.isNaN(status)) throw new Error(`no HTTP response: ${text.slice(0, 300)}`);
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const length = Number(headers.get('content-length') ?? 0);
  const body = bytes.subarray(end + 4, end + 4 + length).toString();
  // What follows the answer to a HEAD is the next one.
  return { status, headers, body: body.startsWith('HTTP/1.1 ') ? '' : body };
}
