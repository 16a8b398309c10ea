import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Delivery } from '../../src/bus/bus.ts';
import { localBus } from '../../src/bus/local-bus.ts';
import type { Edge } from '../../src/edge/edge.ts';
import type { MediaMessage } from '../../src/edge/media-message.ts';
import type { MediaSocket } from '../../src/edge/media-socket.ts';
import { Flag, type SealedChunk } from '../../src/media/chunk.ts';
import { CACHE_LIMITS } from '../../src/media/keyframe-cache.ts';
import type { FromThread, MediaThread, ToEdge, ToThread } from '../../src/threads/messages.ts';
import { ThreadedEdge } from '../../src/threads/threaded-edge.ts';
import { hashTicket, newTicket } from '../../src/tokens/media-ticket.ts';
import { payloadOf } from '../edge/payload-of.ts';
import { FakeTime } from '../media/fake-time.ts';
import { ThreadEdge } from './thread-edge.ts';

const LIMITS = { maxBatchMs: 0, maxSocketBytes: 1e9, tooSlowMs: 5_000, servedReportMs: 500, joinCache: CACHE_LIMITS };
const VIEWINGS = 3;
const THREADS = 3;

type Step =
  | { readonly do: 'ticket' | 'open' | 'close' | 'come'; readonly viewing: number; readonly thread: number }
  | {
      readonly do: 'chunk' | 'keyframe' | 'epoch' | 'ended' | 'fetch' | 'wait' | 'carry there' | 'carry here' | 'die';
      readonly thread: number;
    };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('ticket', 'open', 'come', 'come', 'come', 'close'),
    viewing: fc.nat(VIEWINGS - 1),
    thread: fc.nat(THREADS - 1),
  }),
  fc.record({
    do: fc.constantFrom(
      'chunk',
      'chunk',
      'keyframe',
      'epoch',
      'ended',
      'fetch',
      'wait',
      'carry there',
      'carry there',
      'carry here',
      'carry here',
      'die',
    ),
    thread: fc.nat(THREADS - 1),
  }),
) as fc.Arbitrary<Step>;

/** What one viewing may have, and what it was sent. */
class Watched {
  readonly id: string;
  readonly open = new Set<number>();
  readonly sockets = new Set<Socket>();
  /** That nobody has come with. */
  ticket: string | undefined;
  lastSentMs: number | undefined;
  /** Up to when served time is reported. */
  servedMs = 0;
  isClosed = false;
  /** The broadcast ended since it was sent something: when that was may be forgotten. */
  isPast = false;
  /** A thread died that had it: what it did not report is lost. */
  isBereaved = false;

  constructor(id: string) {
    this.id = id;
  }
}

class Socket implements MediaSocket {
  readonly bufferedBytes = 0;
  isOpen = true;
  readonly #owner: Watched;
  readonly #nowMs: () => number;

  constructor(owner: Watched, nowMs: () => number) {
    this.#owner = owner;
    this.#nowMs = nowMs;
  }

  send(message: MediaMessage): void {
    // The second byte of a chunk of these tests is its epoch.
    expect(this.#owner.open).toContain(payloadOf(message).readUInt8(5));
    expect([...this.#owner.sockets].filter(({ isOpen }) => isOpen)).toEqual([this]);
    this.#owner.lastSentMs = this.#nowMs();
    this.#owner.isPast = false;
  }

  close(): void {
    this.isOpen = false;
  }
}

/** A thread whose port carries a message only when it is told to. */
class Thread implements MediaThread {
  readonly there: ToThread[] = [];
  readonly here: FromThread[] = [];
  readonly sockets = new Set<Socket>();
  readonly owners = new Set<Watched>();
  readonly #end: ThreadEdge;

  constructor(time: FakeTime) {
    this.#end = new ThreadEdge(time, LIMITS, (message) => this.here.push(message));
  }

  get edge(): Edge {
    return this.#end.edge;
  }

  post(message: ToThread): void {
    this.there.push(message);
  }

  carryThere(): void {
    const message = this.there.shift();
    if (message !== undefined) this.#end.receive(message);
  }
}

/** One edge of several threads, played with in some order, and what has to hold whatever the order is. */
class Play {
  readonly #time = new FakeTime();
  readonly #bus = localBus();
  readonly #carrier = new ThreadedEdge({ edge: 'e1', clock: this.#time, timers: this.#time, bus: this.#bus, ticketWaitMs: 0 });
  readonly #threads: Thread[] = [];
  readonly #viewings: Watched[] = [];
  readonly #all: Watched[] = [];
  readonly #closed = new Map<string, number | undefined>();
  readonly #kept: SealedChunk[] = [];
  readonly #coming: Promise<void>[] = [];
  /** What joiners need is on its way here. */
  #fetching: (() => void)[] = [];
  #epoch = 0;
  #counter = 0;

  constructor() {
    this.#bus.deliveries.subscribe((delivery) => this.#delivered(delivery));
    this.#bus.chunks.catchUp = async () => {
      await new Promise<void>((resolve) => this.#fetching.push(resolve));
      return [...this.#kept];
    };
    for (let at = 0; at < THREADS; at++) this.#threads[at] = this.#start();
    for (let at = 0; at < VIEWINGS; at++) this.#viewings[at] = this.#begin();
    this.#beginEpoch();
  }

  async take(step: Step): Promise<void> {
    const thread = this.#threads[step.thread] as Thread;
    switch (step.do) {
      case 'chunk':
        this.#send(0);
        break;
      case 'keyframe':
        this.#kept.length = 1;
        this.#send(Flag.keyframe);
        break;
      case 'epoch':
        this.#beginEpoch();
        break;
      case 'ended':
        for (const watched of this.#viewings) watched.isPast = true;
        this.#bus.gates.publish('e1', { kind: 'ended', program: 'news' });
        break;
      case 'fetch':
        this.#fetch();
        break;
      case 'wait':
        this.#time.advance(170);
        break;
      case 'carry there':
        thread.carryThere();
        break;
      case 'carry here':
        this.#carryHere(thread);
        break;
      case 'die':
        this.#die(step.thread);
        break;
      default:
        this.#act(step.do, step.viewing, thread);
    }
    await settled();
  }

  /** Everything arrives, everybody can watch, every viewing is closed, and everything arrives. */
  async end(): Promise<void> {
    await this.#carryAll();
    await this.#watchAll();
    for (const [at] of this.#viewings.entries()) await this.take({ do: 'close', viewing: at, thread: 0 });
    for (const { id, isClosed } of this.#viewings)
      if (!isClosed) this.#bus.gates.publish('e1', { kind: 'close', program: 'news', viewing: id });
    await this.#carryAll();
    // Those who came to a thread that died are answered by nobody.
    await Promise.race([Promise.all(this.#coming), settled()]);
    for (const { id, isClosed, isBereaved, isPast, lastSentMs } of this.#all.filter((each) => each.isClosed)) {
      expect({ id, isClosed, said: this.#closed.has(id) }).toEqual({ id, isClosed, said: true });
      if (!isBereaved && !(isPast && this.#closed.get(id) === undefined))
        expect({ id, lastMs: this.#closed.get(id) }).toEqual({ id, lastMs: lastSentMs });
    }
  }

  /** Whoever comes with a new ticket, to any thread, has the picture again: what was missing may cost it one keyframe. */
  async #watchAll(): Promise<void> {
    for (const [at] of this.#viewings.entries())
      for (const what of ['ticket', 'open', 'come'] as const) {
        await this.take({ do: what, viewing: at, thread: at % THREADS });
        await this.#carryAll();
      }
    for (let keyframes = 0; keyframes < 2; keyframes++) {
      this.#time.advance(1);
      await this.take({ do: 'keyframe', thread: 0 });
      await this.#carryAll();
    }
    for (const { id, lastSentMs } of this.#viewings) expect({ id, lastSentMs }).toEqual({ id, lastSentMs: this.#time.nowMs() });
  }

  #fetch(): void {
    const fetching = this.#fetching;
    this.#fetching = [];
    for (const fetched of fetching) fetched();
  }

  #act(what: 'ticket' | 'open' | 'close' | 'come', at: number, thread: Thread): void {
    const watched = this.#viewings[at] as Watched;
    const [program, viewing] = ['news', watched.id];
    if (what === 'ticket') {
      watched.ticket = newTicket();
      const ticketHash = hashTicket(watched.ticket);
      this.#bus.gates.publish('e1', { kind: 'ticket', program, viewing, ticketHash, expiresInMs: 1e9 });
    } else if (what === 'open') {
      watched.open.add(this.#epoch);
      this.#bus.gates.publish('e1', { kind: 'open', program, viewing, epoch: this.#epoch, catchUp: true });
    } else if (what === 'close') {
      watched.isClosed = true;
      this.#viewings[at] = this.#begin();
      this.#bus.gates.publish('e1', { kind: 'close', program, viewing });
    } else if (watched.ticket !== undefined) {
      this.#coming.push(this.#come(watched, watched.ticket, thread));
    }
  }

  /** As media-route.ts does it. */
  async #come(watched: Watched, ticket: string, thread: Thread): Promise<void> {
    if (!(await thread.edge.knows('news', ticket)) || !this.#threads.includes(thread)) return;
    const socket = new Socket(watched, () => this.#time.nowMs());
    watched.sockets.add(socket);
    thread.sockets.add(socket);
    thread.owners.add(watched);
    const before = watched.ticket;
    if (thread.edge.attach('news', ticket, socket) === undefined) {
      socket.close();
      watched.sockets.delete(socket);
    } else if (before === ticket) {
      watched.ticket = undefined;
    }
  }

  #beginEpoch(): void {
    this.#epoch++;
    this.#counter = 0;
    this.#kept.length = 0;
    this.#send(Flag.preamble);
    this.#send(Flag.keyframe);
  }

  #send(flags: number): void {
    const bytes = Buffer.of(flags, this.#epoch, 0);
    const chunk = { epoch: this.#epoch, counter: this.#counter++, flags, bytes };
    this.#kept.push(chunk);
    this.#bus.chunks.publish('news', chunk);
  }

  #carryHere(thread: Thread): void {
    const message = thread.here.shift();
    if (message !== undefined) this.#carrier.receive(thread, message as ToEdge);
  }

  async #carryAll(): Promise<void> {
    const isBusy = () => this.#fetching.length > 0 || this.#threads.some(({ here, there }) => here.length + there.length > 0);
    while (isBusy()) {
      await this.take({ do: 'fetch', thread: 0 });
      for (const [at] of this.#threads.entries()) {
        await this.take({ do: 'carry there', thread: at });
        await this.take({ do: 'carry here', thread: at });
      }
    }
  }

  #die(at: number): void {
    const dead = this.#threads[at] as Thread;
    for (const socket of dead.sockets) socket.close();
    for (const owner of dead.owners) owner.isBereaved = true;
    this.#threads[at] = this.#start();
    this.#carrier.lost(dead);
  }

  #start(): Thread {
    const thread = new Thread(this.#time);
    this.#carrier.joined(thread);
    return thread;
  }

  #begin(): Watched {
    const watched = new Watched(`v${this.#all.length}`);
    this.#all.push(watched);
    return watched;
  }

  #delivered(delivery: Delivery): void {
    expect(delivery.edge).toBe('e1');
    if (delivery.kind === 'served') {
      for (const [viewing, fromMs, toMs] of delivery.spans) {
        expect({ viewing, isClosed: this.#closed.has(viewing) }).toEqual({ viewing, isClosed: false });
        const watched = this.#all.find(({ id }) => id === viewing) as Watched;
        expect(fromMs).toBeLessThan(toMs);
        expect(fromMs).toBeGreaterThanOrEqual(watched.servedMs);
        expect(toMs).toBeLessThanOrEqual(watched.lastSentMs ?? -1);
        watched.servedMs = toMs;
      }
    } else if (delivery.kind === 'closed') {
      expect({ viewing: delivery.viewing, again: this.#closed.has(delivery.viewing) }).toMatchObject({ again: false });
      this.#closed.set(delivery.viewing, delivery.lastChunkMs);
    }
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('in whatever order messages cross and threads die, a viewing is in one thread, behind its gates, and closed once, after its last report', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const play = new Play();
      for (const each of steps) await play.take(each);
      await play.end();
    }),
    { numRuns: 500 },
  );
}, 60_000);
