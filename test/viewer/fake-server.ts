import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Tariff } from '../../src/billing/tariff.ts';
import { encryptContentKey, encryptSessionKey } from '../../src/keys/node/key-update.ts';
import { proofKey } from '../../src/keys/node/possession.ts';
import { verifyReceipt } from '../../src/keys/node/receipt.ts';
import { verifyResume } from '../../src/keys/node/resume.ts';
import { tokenHash, type VerifiedWatch, verifyWatch } from '../../src/keys/node/watch.ts';
import type { ReceiptStatement } from '../../src/keys/receipt.ts';
import {
  CONTROL_SUBPROTOCOL,
  closeCode,
  type ErrorCode,
  MEDIA_SUBPROTOCOL,
  type ServerMessage,
  type Usage,
  ViewerMessage,
} from '../../src/protocol/messages.ts';
import { SFrameSealer } from '../../src/sframe/node.ts';
import { CHUNK_SUITE } from '../../src/sframe/suites.ts';
import { Activity } from './activity.ts';

/** One epoch of the fake broadcast. */
interface FakeEpoch {
  readonly epoch: number;
  readonly contentKey: Uint8Array;
  readonly sealer: SFrameSealer;
  counter: number;
}

/** What the fake authority knows of one viewing. */
export interface FakeViewing {
  readonly viewing: string;
  readonly signKey: VerifiedWatch['signKey'];
  sessionKey: Uint8Array;
  readonly receipts: ReceiptStatement[];
  readonly sentEpochs: Set<number>;
  resumes: number;
  tickets: number;
  ended: boolean;
}

export const TARIFF: Tariff = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };
export const usage = (billableMs: number): Usage => ({
  billableMs,
  billableSeconds: Math.ceil(billableMs / 1000),
  amount: (Math.ceil(billableMs / 1000) / 100).toFixed(2),
  currency: 'EUR',
});

/**
 * An authority and an edge for one program and one viewer, which speak the protocol with the real keys and the real sealer, do
 * as the test says, and can be told to misbehave. `activity` changes whenever something arrives.
 */
export class FakeServer {
  readonly activity = new Activity();
  readonly viewings: FakeViewing[] = [];
  readonly messages: ViewerMessage[] = [];
  /** Refuse the next request of this type. */
  readonly refuse = new Map<ViewerMessage['type'], ErrorCode>();
  /** With the refusals. */
  retryInMs: number | undefined;
  /** When it is the viewer's turn to be admitted. */
  turn: Promise<void> = Promise.resolve();
  /** Requests of these types get no answer. */
  readonly ignore = new Set<ViewerMessage['type']>();
  refuseMedia = false;
  live = true;
  tariff = TARIFF;
  token: string | undefined;
  billedMs = 0;
  /** Whether that is final at the end. */
  final = true;
  control: WebSocket | undefined;
  media: WebSocket | undefined;
  mediaConnections = 0;

  readonly #http: Server;
  readonly #epochs = new Map<number, FakeEpoch>();
  #current = 0;
  #ticket: string | undefined;

  private constructor(http: Server) {
    this.#http = http;
  }

  static async start(serve: RequestListener = notFound): Promise<FakeServer> {
    const http = createServer((request, response) => server.#respond(request, response, serve));
    const server = new FakeServer(http);
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });
    http.on('upgrade', (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (ws) => server.#accept(ws, new URL(request.url ?? '/', 'http://server')));
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    server.beginEpoch();
    return server;
  }

  get base(): string {
    const address = this.#http.address() as AddressInfo;
    return `http://127.0.0.1:${address.port}`;
  }

  /** The viewing that was opened last. */
  get viewing(): FakeViewing {
    const viewing = this.viewings.at(-1);
    if (viewing === undefined) throw new Error('nobody has watched');
    return viewing;
  }

  get epoch(): number {
    return this.#current;
  }

  async close(): Promise<void> {
    this.control?.terminate();
    this.media?.terminate();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  /** Makes the key of an epoch to come. */
  prepareEpoch(epoch: number = this.#current + 1): void {
    const contentKey = randomBytes(32);
    this.#epochs.set(epoch, { epoch, contentKey, sealer: new SFrameSealer(CHUNK_SUITE, epoch, contentKey), counter: 0 });
  }

  /** From now on chunks are sealed under the next epoch's key. */
  beginEpoch(): void {
    this.#current++;
    if (!this.#epochs.has(this.#current)) this.prepareEpoch(this.#current);
  }

  /** Sends an epoch's key to the viewing, whose receipt is then awaited. */
  async sendKey(epoch: number): Promise<void> {
    const viewing = this.viewing;
    const jwe = encryptContentKey(this.#epochOf(epoch).contentKey, { viewing: viewing.viewing, epoch }, viewing.sessionKey);
    viewing.sentEpochs.add(epoch);
    this.say({ type: 'key', epoch, jwe, startsInMs: epoch > this.#current ? 2_000 : 0, answerWithinMs: 2_000 });
  }

  /** Seals a chunk under the current epoch's key. */
  seal(flags: number, plaintext: Uint8Array): Buffer {
    const epoch = this.#epochOf(this.#current);
    const sealed = epoch.sealer.seal(epoch.counter++, Uint8Array.of(flags), plaintext, 1);
    sealed[0] = flags;
    return sealed;
  }

  /** Seals a chunk and sends it. */
  chunk(flags: number, plaintext: Uint8Array): Buffer {
    const sealed = this.seal(flags, plaintext);
    this.sendChunks(sealed);
    return sealed;
  }

  /** Sends sealed chunks as one media message. */
  sendChunks(...chunks: readonly Uint8Array[]): void {
    this.media?.send(mediaMessage(...chunks));
  }

  say(message: ServerMessage): void {
    this.control?.send(JSON.stringify(message));
  }

  fail(code: ErrorCode, fatal: boolean): void {
    const { retryInMs } = this;
    const message = `the fake server says ${code}`;
    this.say({ type: 'error', code, message, fatal, ...(retryInMs === undefined ? {} : { retryInMs }) });
    if (fatal) this.control?.close(closeCode(code));
  }

  /** Tells the viewing's end and closes both sockets. */
  end(reason: Extract<ServerMessage, { type: 'ended' }>['reason']): void {
    this.viewing.ended = true;
    this.say({ type: 'ended', reason, usage: usage(this.billedMs), final: this.final });
    this.control?.close(1000);
    this.media?.close(1000);
  }

  #epochOf(epoch: number): FakeEpoch {
    const found = this.#epochs.get(epoch);
    if (found === undefined) throw new Error(`the fake server has no epoch ${epoch}`);
    return found;
  }

  #respond(request: IncomingMessage, response: ServerResponse, serve: RequestListener): void {
    if (request.url !== '/v1/programs') return void serve(request, response);
    const program = { name: 'news', title: 'The evening news', live: this.live, tariff: this.tariff };
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ programs: [program] }));
  }

  #accept(socket: WebSocket, url: URL): void {
    // The client under test closes sockets whenever it likes.
    socket.on('error', () => {});
    socket.on('close', () => this.activity.changed());
    if (url.pathname === '/v1/control' && socket.protocol === CONTROL_SUBPROTOCOL) this.#acceptControl(socket);
    else if (url.pathname === '/v1/programs/news/media' && socket.protocol === MEDIA_SUBPROTOCOL) this.#acceptMedia(socket, url);
    else socket.close(1008);
  }

  #acceptMedia(socket: WebSocket, url: URL): void {
    if (this.refuseMedia || url.searchParams.get('ticket') !== this.#ticket) {
      socket.close(4401);
      return;
    }
    this.#ticket = undefined;
    this.media?.close(1000);
    this.media = socket;
    this.mediaConnections++;
    this.activity.changed();
  }

  #acceptControl(socket: WebSocket): void {
    this.control = socket;
    const challenge = randomUUID();
    this.say({ type: 'hello', challenge });
    let handled = Promise.resolve();
    socket.on('message', (data) => {
      handled = handled.then(async () => {
        const message = ViewerMessage.parse(JSON.parse(String(data)));
        this.messages.push(message);
        if (this.control === socket) await this.#answer(message, challenge);
        this.activity.changed();
      });
    });
  }

  async #answer(message: ViewerMessage, challenge: string): Promise<void> {
    const refused = this.refuse.get(message.type);
    if (this.ignore.has(message.type)) return;
    if (refused !== undefined) return this.fail(refused, true);
    switch (message.type) {
      case 'watch':
        await this.#turn();
        return this.#watch(message.token, message.jws, challenge);
      case 'resume':
        await this.#turn();
        return this.#resume(message.jws, challenge);
      case 'receipt':
        return this.#receipt(message.jws);
      case 'ticket':
        return this.#giveTicket();
      case 'stop':
        return this.end('stopped');
    }
  }

  async #turn(): Promise<void> {
    this.activity.changed();
    await this.turn;
  }

  async #watch(token: string, jws: string, challenge: string): Promise<void> {
    const { statement, signKey, agreeKey } = verifyWatch(jws);
    if (statement.challenge !== challenge || statement.tokenHash !== tokenHash(token)) throw new Error('not signed here');
    if (this.token !== undefined && token !== this.token) return this.fail('token-invalid', true);
    if (JSON.stringify(statement.tariff) !== JSON.stringify(this.tariff)) return this.fail('tariff-changed', true);
    this.viewings.push({
      viewing: randomUUID(),
      signKey,
      sessionKey: randomBytes(32),
      receipts: [],
      sentEpochs: new Set(),
      resumes: 0,
      tickets: 0,
      ended: false,
    });
    await this.#admit(agreeKey, false);
  }

  async #resume(jws: string, challenge: string): Promise<void> {
    const { statement, agreeKey } = verifyResume(jws, this.viewing.signKey);
    if (statement.challenge !== challenge || statement.viewing !== this.viewing.viewing) throw new Error('not signed here');
    this.viewing.sessionKey = randomBytes(32);
    this.viewing.resumes++;
    await this.#admit(agreeKey, true);
  }

  async #admit(agree: VerifiedWatch['agreeKey'], resumed: boolean): Promise<void> {
    const { viewing, sessionKey } = this.viewing;
    const jwe = encryptSessionKey(sessionKey, viewing, agree);
    const about = { viewing, program: 'news', title: 'The evening news', broadcast: 'b1', tariff: this.tariff };
    this.say({ type: 'viewing', ...about, sessionKey: jwe, resumed });
    const confirmed = new Set(this.viewing.receipts.map((receipt) => receipt.epoch));
    for (const epoch of this.#epochs.keys()) {
      if (epoch >= this.#current && !confirmed.has(epoch)) await this.sendKey(epoch);
    }
  }

  async #receipt(jws: string): Promise<void> {
    const { viewing, signKey, sentEpochs, receipts } = this.viewing;
    const receipt = verifyReceipt(jws, viewing, signKey, (epoch) =>
      sentEpochs.has(epoch) ? proofKey(this.#epochOf(epoch).contentKey) : undefined,
    );
    receipts.push(receipt);
    this.say({ type: 'confirmed', epoch: receipt.epoch, started: receipts.length === 1, usage: usage(this.billedMs) });
    if (receipts.length === 1) this.#giveTicket();
  }

  #giveTicket(): void {
    this.viewing.tickets++;
    this.#ticket = randomUUID();
    const url = `/v1/programs/news/media?ticket=${this.#ticket}`;
    this.say({ type: 'ticket', ticket: this.#ticket, url, expiresInMs: 10_000 });
  }
}

export function mediaMessage(...chunks: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    chunks.flatMap((chunk) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(chunk.length);
      return [length, chunk];
    }),
  );
}

const notFound: RequestListener = (_request, response) => {
  response.writeHead(404).end();
};
