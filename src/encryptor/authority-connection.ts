import { type RawData, WebSocket } from 'ws';
import { checked } from '../checked.ts';
import type { Clock, Timers } from '../clock.ts';
import { messageOf, TollcastError } from '../errors.ts';
import type { DeviceKeys } from '../keys/device.ts';
import { decryptEncryptorKey, decryptEncryptorSession } from '../keys/encryptor-key.ts';
import { signOpening } from '../keys/encryptor-opening.ts';
import { type HeldKey, signEncryptorReceipt } from '../keys/encryptor-receipt.ts';
import { proofKey } from '../keys/possession.ts';
import { checkAuthority, proveSecret } from '../keys/secret-proof.ts';
import {
  AuthorityMessage,
  ENCRYPTOR_SUBPROTOCOL,
  type EncryptorMessage,
  MAX_ENCRYPTOR_MESSAGE_BYTES,
} from '../protocol/encryptor-messages.ts';
import { connectionFault } from './connection-fault.ts';

/** From connecting to `opened`. */
const OPEN_WITHIN_MS = 10_000;
/** How often the authority is pinged; one that is silent until the next time is gone. */
const PING_MS = 5_000;
/** A socket that holds more unsent bytes is given up. */
const MAX_SOCKET_BYTES = 1_048_576;

export interface ConnectionOptions {
  /** The whole address, ws: or wss:. */
  readonly url: string;
  readonly encryptor: string;
  readonly secret: string;
  /** Of this process. */
  readonly device: DeviceKeys;
  /** Certificates to trust, PEM, in place of the system's. */
  readonly ca?: string | Buffer | undefined;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** What comes over a connection after it was opened. */
export type Told = Exclude<AuthorityMessage, { type: 'hello' | 'opened' }>;

export interface ConnectionListener {
  opened(programs: readonly string[]): void;
  /** `arrivedMs`: when it came, by this host's clock; it may have waited since for what came before. */
  told(message: Told, arrivedMs: number): Promise<void> | void;
  /** Called once, and last. */
  closed(why: string): void;
}

/** One socket to the authority, and the cryptography that goes with it. */
export interface Connection {
  readonly isOpen: boolean;
  send(message: EncryptorMessage): void;
  /** @throws where the key is not for this process, program and epoch */
  decryptKey(jwe: string, of: HeldKey): Promise<Uint8Array>;
  /** A receipt for a key that this process holds: keys/encryptor-receipt.ts. */
  signReceipt(of: HeldKey, contentKey: Uint8Array): Promise<string>;
  close(): void;
}

/** From connecting to its close, over a WebSocket. */
export class AuthorityConnection implements Connection {
  readonly #options: ConnectionOptions;
  readonly #listener: ConnectionListener;
  readonly #socket: WebSocket;
  readonly #cancelTimeout: () => void;
  #cancelPing: () => void = () => undefined;
  #sessionKey: Uint8Array | undefined;
  /** What was signed to open it. */
  #opening = '';
  /** Whether anything came since the last ping. */
  #alive = true;
  #why = 'it was closed';
  #inbox: Promise<void> = Promise.resolve();

  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.#options = options;
    this.#listener = listener;
    this.#socket = new WebSocket(options.url, ENCRYPTOR_SUBPROTOCOL, {
      perMessageDeflate: false,
      maxPayload: MAX_ENCRYPTOR_MESSAGE_BYTES,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
    this.#cancelTimeout = options.timers.after(OPEN_WITHIN_MS, () => this.#give('it did not answer in time'));
    this.#socket.on('message', (data, isBinary) => this.#received(data, isBinary));
    this.#socket.on('pong', () => {
      this.#alive = true;
    });
    this.#socket.on('error', (error) => {
      this.#why = connectionFault(error, options.url);
    });
    this.#socket.on('close', () => this.#closed());
  }

  get isOpen(): boolean {
    return this.#sessionKey !== undefined && this.#socket.readyState === WebSocket.OPEN;
  }

  send(message: EncryptorMessage): void {
    if (this.#socket.bufferedAmount > MAX_SOCKET_BYTES) this.#give('it does not take what it is sent');
    else if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  async decryptKey(jwe: string, of: HeldKey): Promise<Uint8Array> {
    if (this.#sessionKey === undefined) throw new Error('a key came before the session key');
    return decryptEncryptorKey(jwe, of, this.#sessionKey);
  }

  async signReceipt(of: HeldKey, contentKey: Uint8Array): Promise<string> {
    return signEncryptorReceipt(of, await proofKey(contentKey), this.#options.device.sign.privateKey);
  }

  close(): void {
    this.#socket.close(1000);
  }

  #give(why: string): void {
    this.#why = why;
    this.#socket.terminate();
  }

  #received(data: RawData, isBinary: boolean): void {
    this.#alive = true;
    const arrivedMs = this.#options.clock.nowMs();
    const text = isBinary ? '' : String(data);
    this.#inbox = this.#inbox
      .then(() => this.#handle(parseMessage(text), arrivedMs))
      .catch((error) => this.#give(messageOf(error)));
  }

  async #handle(message: AuthorityMessage | undefined, arrivedMs: number): Promise<void> {
    // Of a later version.
    if (message === undefined) return;
    switch (message.type) {
      case 'hello':
        await this.#open(message.challenge);
        return;
      case 'opened':
        await this.#opened(message);
        return;
      case 'error':
        this.#why = `${message.message} (${message.code})`;
        await this.#listener.told(message, arrivedMs);
        return;
      default:
        await this.#listener.told(message, arrivedMs);
    }
  }

  async #open(challenge: string): Promise<void> {
    const { encryptor, secret, device } = this.#options;
    if (this.#opening !== '') throw violation('a second hello');
    this.#opening = await signOpening({ encryptor, challenge }, device);
    this.send({ type: 'open', encryptor, proof: proveSecret(secret, this.#opening), jws: this.#opening });
  }

  async #opened({ sessionKey, proof, programs }: Extract<AuthorityMessage, { type: 'opened' }>): Promise<void> {
    const { encryptor, secret, device } = this.#options;
    if (!checkAuthority(secret, this.#opening, sessionKey, proof))
      throw violation('no proof that it knows this encryptor: that is another server');
    this.#sessionKey = await decryptEncryptorSession(sessionKey, encryptor, device.agree.privateKey);
    this.#cancelTimeout();
    if (!this.isOpen) return;
    this.#ping();
    this.#listener.opened(programs);
  }

  #ping(): void {
    this.#cancelPing = this.#options.timers.after(PING_MS, () => {
      if (!this.#alive) return this.#give('it does not answer');
      this.#alive = false;
      if (this.isOpen) this.#socket.ping();
      this.#ping();
    });
  }

  #closed(): void {
    this.#cancelTimeout();
    this.#cancelPing();
    this.#sessionKey?.fill(0);
    // After what came before it.
    this.#inbox = this.#inbox.then(() => this.#listener.closed(this.#why));
  }
}

const KNOWN_TYPES: ReadonlySet<unknown> = new Set(AuthorityMessage.options.map((option) => option.shape.type.value));

/** A message, or undefined for one of a type that this version does not know. @throws TollcastError `protocol-violation` */
function parseMessage(text: string): AuthorityMessage | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw violation('what is not JSON');
  }
  const parsed = checked(AuthorityMessage, json);
  if (parsed.success) return parsed.data;
  const type = typeof json === 'object' && json !== null && 'type' in json ? json.type : undefined;
  if (typeof type === 'string' && !KNOWN_TYPES.has(type)) return undefined;
  throw violation(`a malformed message: ${parsed.problem}`);
}

const violation = (what: string) => new TollcastError('protocol-violation', `the authority sent ${what}`);
