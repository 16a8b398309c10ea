import { once } from 'node:events';
import { WebSocket } from 'ws';
import { type DeviceKeys, generateDeviceKeys } from '../../src/keys/device.ts';
import { decryptContentKey, decryptSessionKey } from '../../src/keys/key-update.ts';
import { proofKey } from '../../src/keys/possession.ts';
import { signReceipt } from '../../src/keys/receipt.ts';
import { signResume } from '../../src/keys/resume.ts';
import { signWatch } from '../../src/keys/watch.ts';
import { CONTROL_SUBPROTOCOL, MEDIA_SUBPROTOCOL, type ServerMessage } from '../../src/protocol/messages.ts';
import { SFrameOpener } from '../../src/sframe/node.ts';
import { CHUNK_SUITE } from '../../src/sframe/suites.ts';
import { chunksIn, type WireChunk } from './wire-chunk.ts';

const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };

/** The control socket takes five messages a second. */
const MAX_TICKETS_REFUSED = 10;

/**
 * A viewer at the protocol's level, for tests of what the real client would never do: it answers only what it is told to, keeps
 * every message, and opens nothing by itself.
 */
export class RawViewer {
  readonly messages: ServerMessage[] = [];
  readonly keys = new Map<number, Uint8Array>();
  readonly chunks: WireChunk[] = [];
  /** Everything that came over the media socket. */
  readonly wire: Buffer[] = [];
  /** Epochs whose key is confirmed. */
  answers: (epoch: number) => boolean = () => true;
  /** Whether it opens a media socket with each ticket that it gets. */
  opensMedia = true;
  device!: DeviceKeys;
  token = '';
  media: WebSocket | undefined;
  control!: WebSocket;
  closeCode: number | undefined;
  readonly #base: string;
  #sessionKey: Uint8Array | undefined;
  #ticketsRefused = 0;
  #inbox: Promise<void> = Promise.resolve();

  constructor(httpUrl: string) {
    this.#base = httpUrl.replace(/^http/, 'ws');
  }

  get viewing(): string {
    return this.last('viewing')?.viewing ?? '';
  }

  last<T extends ServerMessage['type']>(type: T): Extract<ServerMessage, { type: T }> | undefined {
    return this.messages.findLast((message): message is Extract<ServerMessage, { type: T }> => message.type === type);
  }

  async connect(): Promise<string> {
    this.control = new WebSocket(`${this.#base}/v1/control`, CONTROL_SUBPROTOCOL);
    this.control.on('message', (data) => {
      const message = JSON.parse(String(data)) as ServerMessage;
      this.messages.push(message);
      this.#inbox = this.#inbox.then(() => this.#handle(message));
    });
    this.control.on('close', (code) => {
      this.closeCode = code;
    });
    await once(this.control, 'message');
    return this.last('hello')?.challenge ?? '';
  }

  async watch(program: string, token: string, tariff = TARIFF): Promise<void> {
    this.token = token;
    this.device = await generateDeviceKeys();
    const challenge = await this.connect();
    this.say({ type: 'watch', token, jws: await signWatch({ program, tariff, token, challenge }, this.device) });
  }

  async resume(): Promise<void> {
    const viewing = this.viewing;
    const challenge = await this.connect();
    this.say({ type: 'resume', viewing, jws: await signResume({ viewing, challenge }, this.device) });
  }

  /** An answer that was for a socket before is for nobody while the next one connects. */
  say(message: object): void {
    if (this.control.readyState !== WebSocket.CONNECTING) this.control.send(JSON.stringify(message));
  }

  async confirm(epoch: number): Promise<void> {
    const key = this.keys.get(epoch);
    if (key === undefined) throw new Error(`no key of epoch ${epoch}`);
    const jws = await signReceipt(
      { viewing: this.viewing, epoch, chunks: this.chunks.length },
      await proofKey(key),
      this.device.sign.privateKey,
    );
    this.say({ type: 'receipt', jws });
  }

  close(): void {
    this.control.close();
    this.media?.close();
  }

  /** The FLV bytes of a chunk. @throws where the key is not the right one */
  open(chunk: WireChunk, key = this.keys.get(chunk.epoch)): Buffer {
    if (key === undefined) throw new Error(`no key of epoch ${chunk.epoch}`);
    const opener = new SFrameOpener(CHUNK_SUITE, chunk.epoch, key);
    return opener.open(chunk.bytes.subarray(0, 1), chunk.bytes.subarray(1)).plaintext;
  }

  async #handle(message: ServerMessage): Promise<void> {
    if (message.type === 'viewing') {
      this.#sessionKey = await decryptSessionKey(message.sessionKey, message.viewing, this.device.agree.privateKey);
    } else if (message.type === 'key' && this.#sessionKey !== undefined) {
      this.keys.set(
        message.epoch,
        await decryptContentKey(message.jwe, { viewing: this.viewing, epoch: message.epoch }, this.#sessionKey),
      );
      if (this.answers(message.epoch)) await this.confirm(message.epoch);
    } else if (message.type === 'ticket' && this.opensMedia) {
      // An edge elsewhere may be asked before it has heard of the ticket: a viewer asks for another, as docs/PROTOCOL.md says.
      this.openMedia(message.url).once('unexpected-response', (request) => {
        request.destroy();
        if (this.#ticketsRefused++ < MAX_TICKETS_REFUSED) this.say({ type: 'ticket' });
      });
    }
  }

  openMedia(url: string): WebSocket {
    const media = new WebSocket(new URL(url, this.#base), MEDIA_SUBPROTOCOL);
    media.on('message', (data: Buffer) => {
      this.wire.push(data);
      this.chunks.push(...chunksIn(data));
    });
    media.on('error', () => undefined);
    this.media = media;
    return media;
  }
}
