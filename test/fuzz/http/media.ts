import type { Server } from 'node:http';
import { Heartbeat } from '../../../src/api/heartbeat.ts';
import { serveSockets } from '../../../src/api/upgrade.ts';
import { localBus } from '../../../src/bus/local-bus.ts';
import { Edge } from '../../../src/edge/edge.ts';
import { mediaPath, mediaRoute } from '../../../src/edge/media-route.ts';
import { Flag } from '../../../src/media/chunk.ts';
import { CACHE_LIMITS } from '../../../src/media/keyframe-cache.ts';
import { MEDIA_SUBPROTOCOL } from '../../../src/protocol/messages.ts';
import { hashTicket } from '../../../src/tokens/media-ticket.ts';
import { anHttpServer } from '../../api/an-http-server.ts';
import type { Random } from '../../sim/random.ts';
import { SimProcess, SimTime } from '../../sim/time.ts';
import { FaultLog } from '../fault-log.ts';
import { mutatedBytes } from '../mutation.ts';
import { Outcomes } from '../outcomes.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { firstResponse, RawConnection } from './raw-http.ts';
import { mutatedTarget } from './requests.ts';

/** docs/PROTOCOL.md, "HTTP" and "Control socket", before the handshake. */
const CODES: Readonly<Record<number, readonly string[]>> = {
  400: ['bad-request'],
  401: ['ticket-invalid'],
  403: ['origin-not-allowed', 'subprotocol-missing'],
  404: ['not-found'],
  413: ['bad-request'],
  415: ['bad-request'],
  431: ['bad-request'],
};

const LIMITS = { maxBatchMs: 100, maxSocketBytes: 4_194_304, tooSlowMs: 10_000, servedReportMs: 2_000, joinCache: CACHE_LIMITS };

const TICKET_LIFE_MS = 1_000;
/** In each chunk: who has none may see nothing of it. */
const MARK = Buffer.from('sealed picture');
const HANDSHAKE = {
  host: 'relay.example',
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-protocol': MEDIA_SUBPROTOCOL,
};
const OTHER_HEADERS: readonly (readonly [string, string])[] = [
  ['connection', 'close'],
  ['connection', 'keep-alive, Upgrade'],
  ['upgrade', 'h2c'],
  ['upgrade', 'websocket, websocket'],
  ['sec-websocket-version', '8'],
  ['sec-websocket-version', '13, 8'],
  ['sec-websocket-key', 'short'],
  ['sec-websocket-protocol', 'tollcast.control.v1'],
  ['sec-websocket-protocol', `a, ${MEDIA_SUBPROTOCOL}`],
  ['sec-websocket-protocol', `${MEDIA_SUBPROTOCOL}, ${MEDIA_SUBPROTOCOL}`],
  ['sec-websocket-protocol', ',,'],
  ['sec-websocket-extensions', 'permessage-deflate; client_max_window_bits=99'],
  ['origin', 'https://evil.example'],
  ['origin', 'https://relay.example'],
  ['origin', '::'],
  ['content-length', '5'],
  ['transfer-encoding', 'chunked'],
  ['expect', '100-continue'],
];

interface Ticket {
  readonly ticket: string;
  readonly program: string;
  readonly expiresMs: number;
  readonly isGateOpen: boolean;
}

/** Requests for media sockets, and what comes over them, beside one that goes on: in is who has a ticket, once, and what is sent is for who may have it. */
class MediaSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #time = new SimTime();
  readonly #clock = new SimProcess(this.#time, 'fuzz', 0);
  readonly #faults = new FaultLog();
  readonly #bus = localBus();
  readonly #heartbeat = new Heartbeat(this.#clock, 1e9);
  readonly #edge = new Edge({
    edge: 'local',
    clock: this.#clock,
    timers: this.#clock,
    bus: this.#bus,
    limits: LIMITS,
    ticketWaitMs: 0,
  });
  readonly #server = anHttpServer(this.#faults.log, [], this.#clock);
  readonly #app = this.#server.app;
  readonly #fresh = new Map<string, Ticket>();
  readonly #used: string[] = ['none'];
  #honest!: RawConnection;
  #viewings = 0;
  #chunks = 0;

  static async open(): Promise<MediaSession> {
    const session = new MediaSession();
    const { app, edge } = { app: session.#app, edge: session.#edge };
    await app.ready();
    serveSockets(app.server, [[mediaPath, mediaRoute(edge, session.#heartbeat)]], [], session.#server.admission);
    edge.announce('');
    const { ticket } = session.#ticket('news', 1e12, true);
    session.#honest = new RawConnection(app.server as Server);
    session.#honest.write(bytesOf('GET', `/v1/programs/news/media?ticket=${ticket}`, Object.entries(HANDSHAKE)));
    await session.#honest.quiet();
    if (firstResponse(session.#honest.take()).status !== 101) throw new Error('the honest viewer was not let in');
    session.#publish(Flag.keyframe);
    return session;
  }

  async input(random: Random): Promise<void> {
    this.#pass(random.pick([0, 0, 0, 5, 50]));
    const connection = new RawConnection(this.#app.server as Server);
    const bytes = this.#request(random);
    const asked = ticketIn(bytes);
    const ticket = this.#fresh.get(asked?.ticket ?? '');
    const mayEnter = ticket !== undefined && ticket.program === asked?.program && ticket.expiresMs >= this.#clock.nowMs();
    connection.write(bytes);
    if (random.chance(0.1)) connection.end();
    await connection.quiet();
    const isIn = this.#look(connection.take(), bytes, mayEnter);
    if (isIn && ticket !== undefined) {
      this.#fresh.delete(ticket.ticket);
      this.#used.push(ticket.ticket);
      await this.#inside(random, connection, ticket);
    }
    connection.destroy();
    if (random.chance(0.05)) await this.#chunk();
    this.#faults.check();
  }

  async close(): Promise<void> {
    this.outcomes.set('chunks to the honest viewer', this.#chunks);
    this.#honest.destroy();
    this.#heartbeat.stop();
    this.#clock.kill();
    await this.#app.close();
  }

  #pass(forMs: number): void {
    const untilMs = this.#time.nowMs + forMs;
    while (this.#time.step(untilMs));
    for (const [name, { expiresMs }] of this.#fresh) if (expiresMs < this.#time.nowMs - 100) this.#over(name);
    if (this.#used.length > 20) this.#used.splice(0, 10);
  }

  #over(name: string): void {
    this.#fresh.delete(name);
    this.#used.push(name);
  }

  #ticket(program: string, expiresInMs: number, isGateOpen: boolean): Ticket {
    const viewing = `v${this.#viewings++}`;
    const ticket = hashTicket(viewing);
    this.#bus.gates.publish('local', { kind: 'ticket', program, viewing, ticketHash: hashTicket(ticket), expiresInMs });
    if (isGateOpen) this.#bus.gates.publish('local', { kind: 'open', program, viewing, epoch: 1, catchUp: false });
    if (program === 'news' && viewing !== 'v0')
      this.#clock.after(expiresInMs * 4, () => this.#bus.gates.publish('local', { kind: 'close', program, viewing }));
    const made = { ticket, program, expiresMs: this.#clock.nowMs() + expiresInMs, isGateOpen };
    this.#fresh.set(ticket, made);
    return made;
  }

  #request(random: Random): Buffer {
    if (this.#fresh.size < 4) this.#ticket(random.chance(0.8) ? 'news' : 'sport', TICKET_LIFE_MS, random.chance(0.5));
    const { ticket, program } = random.pick([...this.#fresh.values()].slice(-3));
    const shown = random.chance(0.7)
      ? ticket
      : random.pick([...this.#used, `${ticket}A`, ticket.toLowerCase(), '', '%00', 'A'.repeat(5_000)]);
    const asked = `/v1/programs/${random.chance(0.9) ? program : random.pick(['news', 'sport', '__proto__', ''])}/media?ticket=${shown}`;
    const target = random.chance(0.3) ? mutatedTarget(random, asked) : asked;
    const headers = Object.entries(HANDSHAKE);
    if (random.chance(0.2)) headers.splice(random.between(0, headers.length - 1), 1);
    if (random.chance(0.3)) headers.push([...random.pick(OTHER_HEADERS)]);
    const bytes = bytesOf(random.chance(0.95) ? 'GET' : random.pick(['POST', 'HEAD', 'CONNECT', 'OPTIONS']), target, headers);
    return random.chance(0.75) ? bytes : mutatedBytes(random, bytes);
  }

  /** @returns whether it is let in */
  #look(answer: Buffer, request: Buffer, mayEnter: boolean): boolean {
    if (answer.length === 0) {
      this.outcomes.count('no answer yet');
      return false;
    }
    const { status, headers, body } = firstResponse(answer);
    const about = `${request.toString('latin1').slice(0, 500)}: ${status} ${body.slice(0, 300)}`;
    if (status === 100) return false;
    if (status === 101) {
      if (!mayEnter) throw new Error(`let in: ${about}`);
      this.outcomes.count('let in');
      return true;
    }
    if (headers.get('x-content-type-options') !== 'nosniff') throw new Error(`without the security headers: ${about}`);
    const code: string = body === '' ? '' : JSON.parse(body).code;
    if (!CODES[status]?.includes(code) && !(body === '' && status in CODES)) throw new Error(`no documented answer: ${about}`);
    this.outcomes.count(`${status} ${code}`.trim());
    return false;
  }

  /** It says what nobody should, and is told nothing that is not for it. */
  async #inside(random: Random, connection: RawConnection, { program, isGateOpen }: Ticket): Promise<void> {
    await this.#chunk();
    await connection.quiet();
    const got = connection.take().includes(MARK);
    if (got && (program !== 'news' || !isGateOpen)) throw new Error('sent to a viewing whose gate is closed');
    this.outcomes.count(got ? 'inside, with chunks' : 'inside, without');
    for (let left = random.between(1, 3); left > 0; left--) connection.write(madeFrame(random));
    await connection.quiet();
    const answer = connection.take();
    const opcode = answer.length === 0 ? -1 : (answer[0] ?? 0) & 15;
    const code = opcode === 8 && answer.length >= 4 ? `closed ${answer.readUInt16BE(2)}` : opcode === 10 ? 'pong' : undefined;
    this.outcomes.count(code ?? (connection.isOver ? 'cut off' : 'stays'));
  }

  /** The honest viewer has each chunk. */
  async #chunk(): Promise<void> {
    this.#publish(this.#chunks % 2 === 0 ? Flag.keyframe : 0);
    // The longest that a chunk is held back.
    this.#pass(LIMITS.maxBatchMs);
    await this.#honest.quiet();
    const got = this.#honest.take();
    if (!got.includes(`${MARK} ${this.#chunks} `)) throw new Error(`the honest viewer has not got chunk ${this.#chunks}`);
  }

  #publish(flags: number): void {
    const counter = ++this.#chunks;
    this.#bus.chunks.publish('news', { epoch: 1, counter, flags, bytes: Buffer.from(`${MARK} ${counter} `) });
  }
}

const bytesOf = (method: string, target: string, headers: readonly (readonly [string, string])[]): Buffer =>
  Buffer.from([`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n'));

/** What the bytes ask for, read without the project's own code. */
function ticketIn(bytes: Buffer): { program: string; ticket: string } | undefined {
  const found = /^[\r\n]*GET +\/v1\/programs\/([^/?]+)\/media\?([^? \r\n]*)/.exec(bytes.toString('latin1'));
  if (found === null) return undefined;
  return { program: found[1] ?? '', ticket: new URLSearchParams(found[2]).get('ticket') ?? '' };
}

/** A WebSocket frame (RFC 6455, section 5.2), seldom as a client's has to be. */
function madeFrame(random: Random): Buffer {
  const payload = Buffer.alloc(random.pick([0, 1, 2, 125, 129, 500]), random.between(0, 255));
  const opcode = random.pick([0, 1, 1, 2, 2, 3, 8, 8, 9, 10, 15]);
  const first = (random.chance(0.8) ? 0x80 : 0) | (random.chance(0.1) ? 0x40 : 0) | opcode;
  const mask = random.chance(0.9) ? Buffer.from([1, 2, 3, 4]) : undefined;
  const masked = mask === undefined ? payload : Buffer.from(payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
  const flag = mask === undefined ? 0 : 0x80;
  const length =
    payload.length < 126 ? Buffer.of(flag | payload.length) : Buffer.of(flag | 126, payload.length >> 8, payload.length & 255);
  const lie = random.chance(0.1) ? Buffer.of(flag | 127, 0x7f, 255, 255, 255, 255, 255, 255, 255) : length;
  const frame = Buffer.concat([Buffer.of(first), lie, mask ?? Buffer.alloc(0), masked]);
  return random.chance(0.2) ? mutatedBytes(random, frame) : frame;
}

export const media: FuzzTarget = {
  name: 'media',
  description: 'requests for media sockets and what viewers send over them, as bytes, beside a socket that must not notice',
  open: () => MediaSession.open(),
};
