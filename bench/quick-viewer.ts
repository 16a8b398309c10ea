import { createDecipheriv, createHmac, hkdfSync, type KeyObject, sign } from 'node:crypto';
import { WebSocket } from 'ws';
import type { Tariff } from '../src/billing/tariff.ts';
import type { DeviceKeys } from '../src/keys/device.ts';
import { decryptSessionKey } from '../src/keys/key-update.ts';
import { signWatch } from '../src/keys/watch.ts';
import { Flag } from '../src/media/chunk.ts';
import { CONTROL_SUBPROTOCOL, MEDIA_SUBPROTOCOL, type ServerMessage } from '../src/protocol/messages.ts';
import { SFrameOpener } from '../src/sframe/node.ts';
import { CHUNK_SUITE } from '../src/sframe/suites.ts';
import { chunksIn } from '../test/e2e/wire-chunk.ts';
import { hostMs, PICTURE_MS, picturesIn } from './stamped-stream.ts';

/** One pair of key pairs serves thousands of viewers: making their own is work of theirs, which is not measured. */
export interface SharedDevice {
  readonly keys: DeviceKeys;
  readonly signKey: KeyObject;
}

export interface QuickViewerPorts {
  readonly baseUrl: string;
  readonly program: string;
  readonly tariff: Tariff;
  readonly device: SharedDevice;
  readonly tokenOf: (viewer: string) => Promise<string>;
  /** What it decrypts; `nothing`: it does not open its media socket. */
  readonly watches: 'nothing' | 'the first chunk' | 'everything';
  readonly on: QuickViewerEvents;
}

export interface QuickViewerEvents {
  /** How long after a receipt was sent the word came that it is durable. */
  confirmed(afterMs: number): void;
  /** How long after `watch` was sent its first chunk was decrypted. */
  firstChunk(afterMs: number): void;
  /** Between two messages with chunks. */
  gap(ms: number): void;
  /** How long a picture took from its broadcaster's socket until it was decrypted. */
  delay(ms: number): void;
  /** Pictures that did not come before a later one did. */
  lost(pictures: number): void;
  /** For whoever else is to open its media socket. */
  ticket(url: URL): void;
  refused(code: string): void;
  ended(reason: string): void;
}

/**
 * A viewer at the protocol's level (docs/PROTOCOL.md) that costs as little as it can, so that thousands fit beside the server that they
 * are there for: what must be done for each key is done at once, in this thread. Messages that it does not know it ignores.
 */
export class QuickViewer {
  readonly #name: string;
  readonly #ports: QuickViewerPorts;
  readonly #control: WebSocket;
  #media: WebSocket | undefined;
  #viewing = '';
  #sessionKey: Uint8Array | undefined;
  /** Of the newest epochs. */
  readonly #keys = new Map<number, Buffer>();
  readonly #receiptSentMs = new Map<number, number>();
  /** What came before the session key was there. */
  #inbox: Promise<void> | undefined;
  #askedMs = 0;
  #chunkMs: number | undefined;
  /** Of the picture that came last, on the stream's timeline. */
  #pictureMs: number | undefined;
  #opened: { readonly epoch: number; readonly opener: SFrameOpener } | undefined;

  constructor(name: string, ports: QuickViewerPorts) {
    this.#name = name;
    this.#ports = ports;
    this.#control = new WebSocket(`${ports.baseUrl}/v1/control`, CONTROL_SUBPROTOCOL, { perMessageDeflate: false });
    this.#control.on('message', (data) => this.#receive(JSON.parse(String(data))));
    this.#control.on('error', (error) => ports.on.refused(error.message));
  }

  close(): void {
    this.#control.terminate();
    this.#media?.terminate();
  }

  #receive(message: ServerMessage): void {
    // Only the agreement on a session key takes another thread's time; what comes meanwhile is kept in order.
    if (this.#inbox === undefined) void this.#handle(message);
    else this.#inbox = this.#inbox.then(() => this.#handle(message));
  }

  #handle(message: ServerMessage): Promise<void> | undefined {
    switch (message.type) {
      case 'hello':
        return this.#watch(message.challenge);
      case 'viewing':
        this.#inbox = this.#agree(message.viewing, message.sessionKey).then(() => {
          this.#inbox = undefined;
        });
        return this.#inbox;
      case 'key':
        this.#answer(message.epoch, message.jwe);
        return undefined;
      case 'confirmed': {
        const sentMs = this.#receiptSentMs.get(message.epoch);
        if (sentMs !== undefined) this.#ports.on.confirmed(performance.now() - sentMs);
        this.#receiptSentMs.delete(message.epoch);
        return undefined;
      }
      case 'ticket':
        this.#open(new URL(message.url, this.#ports.baseUrl));
        return undefined;
      case 'ended':
        this.#ports.on.ended(message.reason);
        return undefined;
      case 'error':
        // Of others it is told that what it asked for comes later.
        if (message.fatal) this.#ports.on.refused(message.code);
        return undefined;
      default:
        return undefined;
    }
  }

  async #watch(challenge: string): Promise<void> {
    const { program, tariff, device, tokenOf } = this.#ports;
    const token = await tokenOf(this.#name);
    const jws = await signWatch({ program, tariff, token, challenge }, device.keys);
    this.#askedMs = performance.now();
    this.#control.send(JSON.stringify({ type: 'watch', token, jws }));
  }

  async #agree(viewing: string, jwe: string): Promise<void> {
    this.#viewing = viewing;
    this.#sessionKey = await decryptSessionKey(jwe, viewing, this.#ports.device.keys.agree.privateKey);
  }

  #answer(epoch: number, jwe: string): void {
    if (this.#sessionKey === undefined) return;
    const key = openDirect(jwe, this.#sessionKey);
    this.#keys.set(epoch, key);
    this.#keys.delete(epoch - 3);
    const proof = createHmac('sha256', proofKeyOf(epoch, key)).update(proofInput(this.#viewing, epoch)).digest('base64url');
    const payload = base64url(JSON.stringify({ viewing: this.#viewing, epoch, chunks: 0, proof }));
    const signed = `${RECEIPT_HEADER}.${payload}`;
    const signature = sign('sha256', Buffer.from(signed), { key: this.#ports.device.signKey, dsaEncoding: 'ieee-p1363' });
    this.#receiptSentMs.set(epoch, performance.now());
    this.#control.send(JSON.stringify({ type: 'receipt', jws: `${signed}.${signature.toString('base64url')}` }));
  }

  #open(url: URL): void {
    if (this.#ports.watches === 'nothing') {
      this.#ports.on.ticket(url);
      return;
    }
    this.#media?.terminate();
    this.#media = new WebSocket(url, MEDIA_SUBPROTOCOL, { perMessageDeflate: false });
    this.#media.on('error', (error) => this.#ports.on.refused(error.message));
    this.#media.on('message', (message: Buffer) => this.#chunks(message));
  }

  #chunks(message: Buffer): void {
    const nowMs = performance.now();
    if (this.#chunkMs === undefined) this.#decryptFirst(message);
    else this.#ports.on.gap(nowMs - this.#chunkMs);
    this.#chunkMs = nowMs;
    if (this.#ports.watches === 'everything') this.#decrypt(message);
  }

  #decrypt(message: Buffer): void {
    for (const { epoch, flags, bytes } of chunksIn(message)) {
      const { plaintext } = this.#opener(epoch).open(bytes.subarray(0, 1), bytes.subarray(1));
      if (flags & Flag.preamble) continue;
      for (const { sentMs, timestampMs } of picturesIn(plaintext)) {
        const missing = (timestampMs - (this.#pictureMs ?? timestampMs)) / PICTURE_MS - 1;
        if (missing > 0) this.#ports.on.lost(missing);
        this.#pictureMs = timestampMs;
        this.#ports.on.delay(hostMs() - sentMs);
      }
    }
  }

  #opener(epoch: number): SFrameOpener {
    const key = this.#keys.get(epoch);
    if (key === undefined) throw new Error(`a chunk of epoch ${epoch}, whose key is not there`);
    if (this.#opened?.epoch !== epoch) this.#opened = { epoch, opener: new SFrameOpener(CHUNK_SUITE, epoch, key) };
    return this.#opened.opener;
  }

  /** Of the rest only that it comes is looked at. */
  #decryptFirst(message: Buffer): void {
    for (const { epoch, bytes } of chunksIn(message)) {
      this.#opener(epoch).open(bytes.subarray(0, 1), bytes.subarray(1));
      this.#ports.on.firstChunk(performance.now() - this.#askedMs);
      return;
    }
  }
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url');
const RECEIPT_HEADER = base64url(JSON.stringify({ alg: 'ES256', typ: 'tollcast-receipt+jws' }));
const GCM_TAG_BYTES = 16;

/** JWE compact serialisation under a shared key (RFC 7516; RFC 7518, section 5.3). */
function openDirect(jwe: string, key: Uint8Array): Buffer {
  const [header = '', , iv = '', ciphertext = '', tag = ''] = jwe.split('.');
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url'), { authTagLength: GCM_TAG_BYTES });
  decipher.setAAD(Buffer.from(header));
  decipher.setAuthTag(Buffer.from(tag, 'base64url'));
  return Buffer.concat([decipher.update(ciphertext, 'base64url'), decipher.final()]);
}

let derived: { readonly epoch: number; readonly key: Buffer; readonly proofKey: Buffer } | undefined;

/** src/keys/possession.ts. All viewers have the same key of an epoch: it is derived for the first of them. */
function proofKeyOf(epoch: number, key: Buffer): Buffer {
  if (derived?.epoch !== epoch || !derived.key.equals(key))
    derived = { epoch, key, proofKey: Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), 'Tollcast 1 receipt', 32)) };
  return derived.proofKey;
}

function proofInput(viewing: string, epoch: number): Buffer {
  const input = Buffer.alloc(viewing.length + 9);
  input.write(viewing);
  input.writeBigUInt64BE(BigInt(epoch), viewing.length + 1);
  return input;
}
