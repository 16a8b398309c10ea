import { TollcastError } from '../../../src/errors.ts';
import { encryptContentKey, encryptSessionKey } from '../../../src/keys/node/key-update.ts';
import { importPublicKey } from '../../../src/keys/node/public-key.ts';
import { Flag } from '../../../src/media/chunk.ts';
import { SFrameSealer } from '../../../src/sframe/node.ts';
import { CHUNK_SUITE } from '../../../src/sframe/suites.ts';
import type { Socket } from '../../../src/viewer/socket.ts';
import { ViewerClient } from '../../../src/viewer/viewer-client.ts';
import { tariff } from '../../ledger/support-entries.ts';
import type { Random } from '../../sim/random.ts';
import { SimProcess, SimTime } from '../../sim/time.ts';
import { mediaMessage, usage } from '../../viewer/fake-server.ts';
import { PREAMBLE } from '../../viewer/viewer-harness.ts';
import { decoded, mutatedCompact } from '../jose/compact.ts';
import { mutatedBytes, mutatedJson, mutatedText } from '../mutation.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { WebCryptoWork } from './web-crypto-work.ts';

const VIEWING = 'a6b7ae1a-0bd7-4a5c-9a60-7d1a7f8f0b6e';
const CONTENT_KEY = new Uint8Array(32).fill(5);
const SESSION_KEY = new Uint8Array(32).fill(3);
const URLS = [
  '/v1/programs/news/media?ticket=t',
  'wss://edge.example/m',
  'javascript:alert(1)',
  'http://',
  '//',
  '',
  'ws://\0',
  'file:///etc/passwd',
];

type Event = { readonly data?: unknown; readonly code?: number; readonly reason?: string };

/** A client's socket whose other end does what it likes. */
class WildSocket implements Socket {
  binaryType = '';
  isOpen = true;
  readonly isMedia: boolean;
  readonly sent: string[] = [];
  readonly #listeners = new Map<string, (event: Event) => void>();

  constructor(isMedia: boolean) {
    this.isMedia = isMedia;
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, listener as (event: Event) => void);
  }

  send(data: string): void {
    this.sent.push(data);
  }

  close(code = 1000): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    queueMicrotask(() => this.#listeners.get('close')?.({ code, reason: '' }));
  }

  says(data: unknown): void {
    if (this.isOpen) this.#listeners.get('message')?.({ data });
  }
}

/** A viewer's client at a server that means ill, or behind one who changes what passes: it ends with an error that says why, or goes on. */
class ServerSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #work = new WebCryptoWork();
  readonly #time = new SimTime();
  readonly #clock = new SimProcess(this.#time, 'fuzz', 0);
  #sockets: WildSocket[] = [];
  #client: ViewerClient | undefined;
  #epoch = 0;
  #counter = 0;
  #isOver = false;
  #fault: unknown;

  async input(random: Random): Promise<void> {
    if (this.#client === undefined || this.#isOver) await this.#begin(random);
    const control = this.#sockets.findLast(({ isMedia }) => !isMedia);
    const media = this.#sockets.findLast(({ isMedia }) => isMedia);
    const way = random.next();
    if (media?.isOpen && way < 0.3) media.says(this.#mediaData(random));
    else if (way < 0.32) random.pick(this.#sockets).close(1006);
    else control?.says(await this.#message(random, control));
    await this.#pass(random.pick([0, 0, 1, 100, 3_000]));
    if (this.#fault !== undefined) throw new Error('the client failed', { cause: this.#fault });
  }

  async close(): Promise<void> {
    await this.#end();
    this.#work.close();
  }

  async #pass(forMs: number): Promise<void> {
    const untilMs = this.#time.nowMs + forMs;
    do await this.#work.done();
    while (this.#time.step(untilMs));
  }

  async #begin(random: Random): Promise<void> {
    await this.#end();
    this.#sockets = [];
    this.#isOver = false;
    const client = ViewerClient.start({
      base: 'https://relay.example',
      program: 'news',
      token: 'a.b.c',
      tariff,
      timers: this.#clock,
      clock: this.#clock,
      random: () => 0.5,
      openSocket: (_, subprotocol) => {
        const socket = new WildSocket(subprotocol.includes('media'));
        this.#sockets.push(socket);
        return socket;
      },
      observer: { media: () => this.outcomes.count('media'), confirmed: () => this.outcomes.count('confirmed') },
    });
    this.#client = client;
    this.#epoch = 0;
    client.ended.then(
      (end) => {
        this.#isOver = true;
        this.outcomes.count(end.by === 'error' ? `ended: ${end.error.code}` : 'ended by the server');
        if (end.by === 'error' && !(end.error instanceof TollcastError)) this.#fault = end;
      },
      (error) => {
        this.#fault = error;
      },
    );
    await this.#work.done();
    // Mostly it comes to a viewing before anything is wrong.
    if (!random.chance(0.9)) return;
    const [control] = this.#sockets;
    if (control === undefined) return;
    for (const step of ['hello', 'viewing', 'key', 'confirmed', 'ticket'] as const) {
      control.says(JSON.stringify(await this.#honest(step, control)));
      await this.#work.done();
    }
  }

  async #end(): Promise<void> {
    if (this.#client === undefined) return;
    void this.#client.stop();
    for (const socket of this.#sockets) socket.close(1006);
    for (let left = 20; left > 0 && !this.#isOver; left--) await this.#pass(20_000);
    if (!this.#isOver) throw new Error('the client does not stop');
  }

  async #message(random: Random, control: WildSocket): Promise<unknown> {
    const honest = await this.#honest(
      random.pick(['hello', 'viewing', 'key', 'key', 'confirmed', 'ticket', 'ticket', 'media', 'ended', 'error'] as const),
      control,
    );
    const way = random.next();
    if (way < 0.6) return JSON.stringify('url' in honest && random.chance(0.5) ? { ...honest, url: random.pick(URLS) } : honest);
    if (way < 0.75) return JSON.stringify(mutatedJson(random, honest));
    if (way < 0.8) {
      const name = 'jwe' in honest ? 'jwe' : 'sessionKey' in honest ? 'sessionKey' : 'type';
      return JSON.stringify({ ...honest, [name]: mutatedCompact(random, String(honest[name]), ['a.b.c']) });
    }
    if (way < 0.94) return JSON.stringify({ type: 'news', more: honest });
    if (way < 0.96) return random.pick([new ArrayBuffer(8), '', 'x'.repeat(20_000), null, {}]);
    return mutatedText(random, JSON.stringify(honest));
  }

  /** As a server would say it now. */
  async #honest(type: string, { sent }: WildSocket): Promise<Record<string, unknown>> {
    switch (type) {
      case 'hello':
        return { type, challenge: 'c' };
      case 'viewing': {
        const jws: string = JSON.parse(sent.at(0) ?? '{"jws":"a.e30.c"}').jws ?? 'a.e30.c';
        const { agree } = JSON.parse(decoded(jws.split('.')[1] ?? ''));
        const sessionKey = agree === undefined ? 'a.b.c.d.e' : encryptSessionKey(SESSION_KEY, VIEWING, importPublicKey(agree));
        return { type, viewing: VIEWING, program: 'news', title: 'News', broadcast: 'b1', tariff, sessionKey, resumed: false };
      }
      case 'key': {
        const epoch = ++this.#epoch;
        const jwe = encryptContentKey(CONTENT_KEY, { viewing: VIEWING, epoch }, SESSION_KEY);
        return { type, epoch, jwe, startsInMs: 0, answerWithinMs: 2_000 };
      }
      case 'confirmed':
        return { type, epoch: Math.max(1, this.#epoch), started: this.#epoch === 1, usage: usage(1_000) };
      case 'ticket':
        return { type, ticket: 't', url: URLS[0], expiresInMs: 1_000 };
      case 'media':
        return { type, state: 'away' };
      case 'ended':
        return { type, reason: 'stopped', usage: usage(1_000) };
      default:
        return { type: 'error', code: 'receipt-invalid', message: 'no', fatal: false };
    }
  }

  #mediaData(random: Random): unknown {
    const flags = random.pick([Flag.preamble, 0, Flag.keyframe]);
    const sealer = new SFrameSealer(CHUNK_SUITE, Math.max(1, this.#epoch), CONTENT_KEY);
    const chunk = sealer.seal(this.#counter++, Uint8Array.of(flags), PREAMBLE, 1);
    chunk[0] = flags;
    const message = mediaMessage(chunk);
    const bytes = random.chance(0.8) ? message : mutatedBytes(random, message);
    const data = new ArrayBuffer(bytes.length);
    new Uint8Array(data).set(bytes);
    return random.chance(0.9) ? data : random.pick<unknown>(['text', null, new ArrayBuffer(0)]);
  }
}

export const server: FuzzTarget = {
  name: 'server',
  description: "what a server that means ill says to a viewer's client",
  open: async () => new ServerSession(),
};
