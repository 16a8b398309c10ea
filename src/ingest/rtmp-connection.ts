import type { Socket } from 'node:net';
import type { Timers } from '../clock.ts';
import { messageOf, TollcastError } from '../errors.ts';
import { AcknowledgementWindow } from './acknowledgement-window.ts';
import type { IngestLimits } from './limits.ts';
import type { Refusal } from './publication.ts';
import { acknowledgement, MessageType, pong, type RtmpMessage, windowBytesOf } from './rtmp-message.ts';
import { type ReaderLimits, RtmpReader } from './rtmp-reader.ts';

/** What a connection tells the session that it carries. */
export interface ConnectionListener {
  /** The messages that one read has completed, maybe none. What it throws is given back to `failed`. */
  onMessages(messages: readonly RtmpMessage[]): void;
  /** What came cannot be gone on from. */
  onFailure(why: Refusal): void;
  /** The socket is closed. Nothing follows. */
  onClose(): void;
}

/**
 * A socket that carries RTMP messages to and fro, within limits: handshake, acknowledgements and pings are its own affair, and no
 * exception leaves it. It takes no more than a stranger may until `authorize`.
 */
export class RtmpConnection {
  readonly #socket: Socket;
  readonly #limits: IngestLimits;
  readonly #timers: Timers;
  readonly #listener: ConnectionListener;
  readonly #reader: RtmpReader;
  readonly #window = new AcknowledgementWindow();
  #state: 'unauthorized' | 'authorized' | 'closing' = 'unauthorized';

  constructor(socket: Socket, limits: IngestLimits, timers: Timers, listener: ConnectionListener) {
    this.#socket = socket;
    this.#limits = limits;
    this.#timers = timers;
    this.#listener = listener;
    this.#reader = new RtmpReader(unauthorizedLimits(limits), (answer) => this.send(answer));
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    // The close that always follows says all there is to know.
    socket.on('error', () => undefined);
    socket.on('close', () => listener.onClose());
  }

  /** It is a publisher's: it may send keyframes, and for as long as it likes. */
  authorize(): void {
    this.#state = 'authorized';
    this.#reader.limits = this.#limits;
  }

  /** Stops reading, so that the other side cannot send any more than the kernel buffers. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  send(bytes: Buffer): void {
    if (this.#state === 'closing' || !this.#socket.writable) return;
    this.#socket.write(bytes);
    // Whoever makes us answer and does not read the answers would fill our memory.
    if (this.#socket.writableLength > this.#limits.maxUnsentBytes) this.#socket.destroy();
  }

  /** Closes once what was sent can have been read. A socket closed with data unread makes the kernel reset the connection instead. */
  close(): void {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#socket.resume();
    this.#socket.end();
    const cancel = this.#timers.after(this.#limits.lingerMs, () => this.#socket.destroy());
    this.#socket.once('close', cancel);
  }

  #receive(bytes: Buffer): void {
    if (this.#state === 'closing') return;
    this.#window.received(bytes.length);
    try {
      const messages = this.#reader.read(bytes);
      for (const message of messages) this.#answer(message);
      this.#listener.onMessages(messages);
      const due = this.#window.takeDue();
      if (due !== undefined) this.send(acknowledgement(due));
      this.#boundUnauthorized();
    } catch (error) {
      this.#listener.onFailure(refusalOf(error));
    }
  }

  #answer(message: RtmpMessage): void {
    if (message.type === MessageType.windowAcknowledgementSize) this.#window.setWindow(windowBytesOf(message));
    if (message.type !== MessageType.userControl) return;
    const answer = pong(message);
    if (answer) this.send(answer);
  }

  #boundUnauthorized(): void {
    const { maxUnauthorizedBytes } = this.#limits;
    if (this.#state !== 'unauthorized' || this.#window.receivedBytes <= maxUnauthorizedBytes) return;
    throw new TollcastError('rtmp-limit', `more than ${maxUnauthorizedBytes} bytes came before leave to publish`);
  }
}

const unauthorizedLimits = ({ maxUnauthorizedBytes, maxCommandBytes, maxChunkStreams }: IngestLimits): ReaderLimits => ({
  maxMessageBytes: maxUnauthorizedBytes,
  maxUnfinishedBytes: maxUnauthorizedBytes,
  maxCommandBytes,
  maxChunkStreams,
});

/** Whatever the parser threw, it was what came that made it throw. */
export const refusalOf = (error: unknown): Refusal =>
  error instanceof TollcastError
    ? { code: error.code, message: error.message }
    : { code: 'rtmp-malformed', message: `the other side sent what is no RTMP (${messageOf(error)})` };
