import { once } from 'node:events';
import { createConnection, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { messageOf, systemCode, TollcastError } from '../errors.ts';
import type { FlvTags } from '../media/flv.ts';
import { AcknowledgementWindow } from './acknowledgement-window.ts';
import { ClientHandshake } from './client-handshake.ts';
import { decodeCommand, statusOf } from './rtmp-command.ts';
import {
  acknowledgement,
  type CommandValue,
  encodeCommand,
  encodeMessage,
  isCommand,
  MessageType,
  OUTGOING_CHUNK_BYTES,
  pong,
  type RtmpMessage,
  setChunkSize,
  windowBytesOf,
} from './rtmp-message.ts';
import { type ReaderLimits, RtmpReader } from './rtmp-reader.ts';
import { parseRtmpUrl, type RtmpUrl } from './rtmp-url.ts';

export interface RtmpClientOptions {
  /** For rtmps: the certificates to trust, PEM, in place of the system's. */
  readonly ca?: string | Buffer;
  /** Ends an attempt to connect. */
  readonly signal?: AbortSignal;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** How long the server has to close, once it was told that the broadcast is over. */
const CLOSE_TIMEOUT_MS = 1_000;
/** A server sends commands and statuses only. */
const LIMITS: ReaderLimits = {
  maxMessageBytes: 64 * 1024,
  maxUnfinishedBytes: 64 * 1024,
  maxCommandBytes: 64 * 1024,
  maxChunkStreams: 64,
};

/**
 * A broadcaster's side of an RTMP connection, on the reader and the messages that the server has. node-media-server's own client knows
 * neither stream keys in the query, nor TLS, nor back-pressure, and throws into the socket's event what it cannot decode.
 */
export class RtmpClient {
  readonly #socket: Socket;
  readonly #url: RtmpUrl;
  readonly #reader = new RtmpReader(LIMITS);
  readonly #window = new AcknowledgementWindow();
  readonly #handshake = new ClientHandshake();
  readonly #handshaken = Promise.withResolvers<void>();
  readonly #started = Promise.withResolvers<void>();
  readonly #failed = new AbortController();
  /** What waits for the answer to a transaction. */
  readonly #answers = new Map<number, (value: unknown) => void>();
  #isHandshaking = true;
  #transaction = 0;
  #streamId = 0;

  /**
   * Connects to `rtmp://HOST/APP/NAME?key=…` or `rtmps://…`, and publishes.
   *
   * @throws TollcastError `url-invalid`, `unreachable`, `publish-refused` with what the server says, `connection-lost`
   */
  static async publish(url: string, { ca, signal }: RtmpClientOptions = {}): Promise<RtmpClient> {
    const timeout = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
    const client = new RtmpClient(parseRtmpUrl(url), ca);
    const giveUp = () => client.#fail('unreachable', `${client.#where} did not answer as an RTMP server would`);
    const given = signal ? AbortSignal.any([timeout, signal]) : timeout;
    given.addEventListener('abort', giveUp, { once: true });
    try {
      await Promise.race([client.#publish(), rejectionBy(client.failed)]);
      return client;
    } finally {
      given.removeEventListener('abort', giveUp);
    }
  }

  private constructor(url: RtmpUrl, ca: string | Buffer | undefined) {
    const { host, port, secure } = url;
    this.#url = url;
    // The name that a certificate is chosen by must not be an address (RFC 6066, section 3).
    const names = isIP(host) === 0 ? { servername: host } : {};
    this.#socket = secure ? connectTls({ host, port, ...names, ...(ca && { ca }) }) : createConnection({ host, port });
    this.#socket.setNoDelay(true);
    this.#socket.on(secure ? 'secureConnect' : 'connect', () => this.#socket.write(this.#handshake.hello));
    this.#socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    this.#socket.on('error', (error) => this.#fail(...this.#lossOf(error)));
    this.#socket.on('close', () => this.#fail('connection-lost', `${this.#where} closed the connection`));
  }

  /** Aborted when the connection fails or the server ends the broadcast; the reason is a TollcastError. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /**
   * Sends tags. Resolves when the connection has room for more, or when `signal` is aborted.
   *
   * @throws TollcastError `publish-refused`, `connection-lost`
   */
  async send(tags: FlvTags, signal: AbortSignal): Promise<void> {
    this.failed.throwIfAborted();
    const messages = tags
      .filter((tag) => tag.data.length > 0)
      .map(({ type, timestampMs, data }) => encodeMessage({ type, streamId: this.#streamId, timestampMs, payload: data }));
    if (this.#socket.write(Buffer.concat(messages))) return;
    // Rejects for an abort, and for the socket's error: what that means is known from `failed`.
    await once(this.#socket, 'drain', { signal: AbortSignal.any([signal, this.failed]) }).catch(() => undefined);
    this.failed.throwIfAborted();
  }

  /** Says that the broadcast is over, and closes. Resolves when that is done. Never rejects. */
  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = Promise.withResolvers<void>();
    this.#socket.once('close', () => closed.resolve());
    this.#command('FCUnpublish', null, this.#url.streamName);
    this.#command('deleteStream', null, this.#streamId);
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
    await closed.promise;
    clearTimeout(timer);
  }

  get #where(): string {
    const { secure, host, port } = this.#url;
    return `${secure ? 'rtmps' : 'rtmp'}://${host}:${port}`;
  }

  async #publish(): Promise<void> {
    const { app, tcUrl, streamName } = this.#url;
    await this.#handshaken.promise;
    this.#socket.write(setChunkSize(OUTGOING_CHUNK_BYTES));
    await this.#call('connect', { app, type: 'nonprivate', flashVer: 'FMLE/3.0 (compatible; Tollcast)', tcUrl });
    this.#command('releaseStream', null, streamName);
    this.#command('FCPublish', null, streamName);
    const streamId = await this.#call('createStream', null);
    if (typeof streamId !== 'number') throw new TollcastError('publish-refused', `${this.#where} gave no stream to publish on`);
    this.#streamId = streamId;
    this.#command('publish', null, streamName, 'live');
    await this.#started.promise;
  }

  /** Sends a command and waits for the second value of its result. */
  #call(name: string, ...values: CommandValue[]): Promise<unknown> {
    return new Promise((resolve) => {
      this.#command(name, ...values);
      this.#answers.set(this.#transaction, resolve);
    });
  }

  #command(name: string, ...values: CommandValue[]): void {
    this.#transaction++;
    this.#socket.write(encodeCommand(this.#streamId, name, this.#transaction, ...values));
  }

  #receive(bytes: Buffer): void {
    this.#window.received(bytes.length);
    try {
      const chunks = this.#isHandshaking ? this.#shakeHands(bytes) : bytes;
      for (const message of this.#reader.read(chunks)) this.#handle(message);
      const due = this.#window.takeDue();
      if (due !== undefined) this.#socket.write(acknowledgement(due));
    } catch (error) {
      this.#fail('connection-lost', `${this.#where} sent what is no RTMP (${messageOf(error)})`);
    }
  }

  /** What came after the handshake, if it is over. */
  #shakeHands(bytes: Buffer): Buffer {
    const { answer, rest } = this.#handshake.receive(bytes);
    if (answer) this.#socket.write(answer);
    if (rest === undefined) return Buffer.alloc(0);
    this.#isHandshaking = false;
    this.#handshaken.resolve();
    return rest;
  }

  #handle(message: RtmpMessage): void {
    if (isCommand(message)) this.#obey(message);
    else if (message.type === MessageType.windowAcknowledgementSize) this.#window.setWindow(windowBytesOf(message));
    else if (message.type === MessageType.userControl) {
      const answer = pong(message);
      if (answer) this.#socket.write(answer);
    }
  }

  #obey(message: RtmpMessage): void {
    const command = decodeCommand(message);
    const status = statusOf(command);
    if (command.name === '_error' || (command.name === 'onStatus' && status?.level === 'error')) {
      this.#fail(
        'publish-refused',
        `${this.#where} refused the broadcast: ${status?.description ?? status?.code ?? 'without a reason'}`,
      );
    } else if (command.name === 'onStatus' && status?.code === 'NetStream.Publish.Start') {
      this.#started.resolve();
    } else if (command.name === '_result') {
      this.#answers.get(command.transaction)?.(command.values[1]);
      this.#answers.delete(command.transaction);
    }
  }

  #lossOf(error: Error): [code: string, message: string] {
    const reason = systemCode(error) === 'ECONNREFUSED' ? 'nothing listens there: is tollcast serve running?' : error.message;
    return this.#isHandshaking
      ? ['unreachable', `${this.#where} cannot be reached: ${reason}`]
      : ['connection-lost', `the connection to ${this.#where} was lost: ${reason}`];
  }

  /** The first failure is the one that counts. */
  #fail(code: string, message: string): void {
    if (!this.failed.aborted) this.#failed.abort(new TollcastError(code, message));
    this.#socket.destroy();
  }
}

const rejectionBy = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
