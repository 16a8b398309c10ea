import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const COMMAND = 20;

/** RTMP by hand, for sending what no encoder would. Messages have to fit into one chunk of 128 bytes. */
export class RtmpAttacker {
  readonly #socket: Socket;
  readonly #received: Buffer[] = [];
  closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (data) => this.#received.push(Buffer.from(data)));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Connected, with the handshake done. */
  static async start(rtmpUrl: string, localAddress = '127.0.0.1'): Promise<RtmpAttacker> {
    const { hostname: host, port } = new URL(rtmpUrl);
    const socket = connect({ host, port: Number(port), localAddress });
    await once(socket, 'connect');
    const attacker = new RtmpAttacker(socket);
    socket.write(Buffer.concat([Buffer.of(3), Buffer.alloc(1_536)]));
    while (attacker.received.length < 1 + 2 * 1_536) await once(socket, 'data');
    socket.write(Buffer.alloc(1_536));
    return attacker;
  }

  /** Everything that the server sent. */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  command(streamId: number, ...values: unknown[]): void {
    this.message(COMMAND, streamId, Buffer.concat(values.map(amf0)));
  }

  message(type: number, streamId: number, payload: Buffer): void {
    const header = Buffer.alloc(12);
    header[0] = 3;
    header.writeUIntBE(payload.length, 4, 3);
    header[7] = type;
    header.writeUInt32LE(streamId, 8);
    this.bytes(Buffer.concat([header, payload]));
  }

  bytes(bytes: Buffer): void {
    if (!this.closed) this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.destroy();
  }
}

function amf0(value: unknown): Buffer {
  if (typeof value === 'number') {
    const out = Buffer.alloc(9);
    out.writeDoubleBE(value, 1);
    return out;
  }
  if (typeof value === 'string') return Buffer.concat([Buffer.of(2), text(value)]);
  if (value === null) return Buffer.of(5);
  const properties = Object.entries(value as object).flatMap(([name, inner]) => [text(name), amf0(inner)]);
  return Buffer.concat([Buffer.of(3), ...properties, Buffer.of(0, 0, 9)]);
}

function text(value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(value));
  return Buffer.concat([length, Buffer.from(value)]);
}
