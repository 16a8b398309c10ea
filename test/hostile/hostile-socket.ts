import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** The loopback network has an address for everyone: 127.0.1.1, 127.0.1.2 … */
export const addressOf = (index: number): string => `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;

/** A TCP socket that keeps to no protocol. It is open until the other side ends it. */
export class HostileSocket {
  readonly #socket: Socket;
  readonly #openedMs = performance.now();
  #received = '';
  #lastedMs: number | undefined;
  #dripping: NodeJS.Timeout | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#lastedMs = performance.now() - this.#openedMs;
      clearInterval(this.#dripping);
    });
    socket.setEncoding('latin1').on('data', (text: string) => {
      if (this.#received.length < 65_536) this.#received += text;
    });
  }

  static async open(url: string, localAddress: string, first: Buffer | string = ''): Promise<HostileSocket> {
    const { hostname: host, port } = new URL(url);
    const socket = new HostileSocket(connect({ host, port: Number(port), localAddress }));
    await Promise.race([once(socket.#socket, 'connect'), once(socket.#socket, 'close')]);
    socket.write(first);
    return socket;
  }

  get received(): string {
    return this.#received;
  }

  /** How long it was open; undefined while it is. */
  get lastedMs(): number | undefined {
    return this.#lastedMs;
  }

  get isOpen(): boolean {
    return this.#lastedMs === undefined;
  }

  write(bytes: Buffer | string): void {
    if (this.isOpen && bytes.length > 0) this.#socket.write(bytes);
  }

  /** Sends this piece by piece, over and over. */
  drip(pieces: readonly (Buffer | string)[], everyMs: number): this {
    let at = 0;
    this.#dripping = setInterval(() => this.write(pieces[at++ % pieces.length] ?? ''), everyMs);
    return this;
  }

  /** Reads nothing from here on. */
  deafen(): this {
    this.#socket.pause();
    return this;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

export const upgradeTo = (path: string, subprotocol: string): string =>
  [
    `GET ${path} HTTP/1.1`,
    'Host: relay',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    `Sec-WebSocket-Protocol: ${subprotocol}`,
    '',
    '',
  ].join('\r\n');

/** A client's frame (RFC 6455, section 5.2), masked with zeros. At most 125 bytes of payload. */
export const frame = (opcode: number, isFinal: boolean, payload: string): Buffer =>
  Buffer.concat([Buffer.of((isFinal ? 0x80 : 0) | opcode, 0x80 | payload.length, 0, 0, 0, 0), Buffer.from(payload)]);

export const Opcode = { continuation: 0, text: 1, binary: 2, ping: 9, pong: 10 } as const;
