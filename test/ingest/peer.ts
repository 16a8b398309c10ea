import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Command, decodeCommand, statusOf } from '../../src/ingest/rtmp-command.ts';
import {
  encodeCommand,
  encodeMessage,
  isCommand,
  MessageType,
  type RtmpMessage,
  setChunkSize,
} from '../../src/ingest/rtmp-message.ts';
import { RtmpReader } from '../../src/ingest/rtmp-reader.ts';
import type { FlvTag } from '../../src/media/flv.ts';

const HANDSHAKE_BYTES = 1536;
const LIMITS = { maxMessageBytes: 65_536, maxUnfinishedBytes: 65_536, maxCommandBytes: 65_536, maxChunkStreams: 64 };

export const tagMessage = ({ type, timestampMs, data }: FlvTag): Buffer =>
  encodeMessage({ type, streamId: 1, timestampMs, payload: data });

/** Whoever may connect to the RTMP port: sends whatever bytes a test wants it to, and keeps what it is answered. */
export class Peer {
  readonly socket: Socket;
  readonly messages: RtmpMessage[] = [];
  readonly closed: Promise<void>;
  readonly #reader = new RtmpReader(LIMITS);
  #handshake = Buffer.alloc(0);
  #arrived = Promise.withResolvers<void>();

  private constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.on('error', () => undefined);
    this.socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        resolve();
        this.#arrived.resolve();
      });
    });
  }

  static async connect(port: number): Promise<Peer> {
    const peer = new Peer(port);
    await once(peer.socket, 'connect');
    return peer;
  }

  /** A peer that has the handshake behind it. */
  static async shakeHands(port: number): Promise<Peer> {
    const peer = await Peer.connect(port);
    peer.send(Buffer.of(3), Buffer.alloc(2 * HANDSHAKE_BYTES, 7), setChunkSize(65_535));
    return peer;
  }

  /** A peer that may publish, if the server lets it. */
  static async publishing(port: number, streamName: string, app = 'live'): Promise<Peer> {
    const peer = await Peer.shakeHands(port);
    peer.send(connectCommand(app), encodeCommand(0, 'createStream', 2, null));
    peer.send(encodeCommand(1, 'publish', 3, null, streamName, 'live'));
    return peer;
  }

  send(...bytes: Buffer[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  sendTags(...tags: FlvTag[]): void {
    this.send(...tags.map(tagMessage));
  }

  get commands(): Command[] {
    return this.messages.filter(isCommand).map(decodeCommand);
  }

  /** The codes of the statuses that it was sent, in order. */
  get statuses(): string[] {
    return this.commands.flatMap((command) => statusOf(command)?.code ?? []);
  }

  /** Resolves once it was told that, or with the connection closed. */
  async until(condition: (peer: Peer) => boolean): Promise<void> {
    while (!condition(this) && !this.socket.closed) await this.#arrived.promise;
  }

  async untilStarted(): Promise<this> {
    await this.until((peer) => peer.statuses.includes('NetStream.Publish.Start'));
    return this;
  }

  #receive(bytes: Buffer): void {
    this.#handshake = Buffer.concat([this.#handshake, bytes]);
    const from = 1 + 2 * HANDSHAKE_BYTES;
    if (this.#handshake.length < from) return;
    this.messages.push(...this.#reader.read(this.#handshake.subarray(from)));
    this.#handshake = this.#handshake.subarray(0, from);
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }
}

export const connectCommand = (app = 'live', tcUrl = `rtmp://localhost/${app}`): Buffer =>
  encodeCommand(0, 'connect', 1, { app, tcUrl });

/** The header of a chunk that announces a message, without any of it. */
export function announcement(chunkStream: number, length: number, type: number = MessageType.video): Buffer {
  const header = Buffer.alloc(chunkStream < 64 ? 12 : chunkStream < 320 ? 13 : 14);
  if (chunkStream < 64) header[0] = chunkStream;
  else if (chunkStream < 320) header[1] = chunkStream - 64;
  else {
    header[0] = 1;
    header.writeUInt16LE(chunkStream - 64, 1);
  }
  const at = header.length - 11;
  header.writeUIntBE(length, at + 3, 3);
  header[at + 6] = type;
  header.writeUInt32LE(1, at + 7);
  return header;
}
