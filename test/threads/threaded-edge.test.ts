import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { normalise } from '../../src/billing/spans.ts';
import type { Bus, Delivery, EdgeAnnouncement } from '../../src/bus/bus.ts';
import { localBus } from '../../src/bus/local-bus.ts';
import { Edge } from '../../src/edge/edge.ts';
import type { MediaMessage } from '../../src/edge/media-message.ts';
import type { MediaSocket } from '../../src/edge/media-socket.ts';
import { Flag, type SealedChunk } from '../../src/media/chunk.ts';
import { CACHE_LIMITS } from '../../src/media/keyframe-cache.ts';
import type { MediaThread, ToEdge, ToThread } from '../../src/threads/messages.ts';
import { ThreadedEdge } from '../../src/threads/threaded-edge.ts';
import { hashTicket, newTicket } from '../../src/tokens/media-ticket.ts';
import { payloadOf } from '../edge/payload-of.ts';
import { FakeTime } from '../media/fake-time.ts';
import { ThreadEdge } from './thread-edge.ts';

class FakeSocket implements MediaSocket {
  readonly isOpen = true;
  readonly bufferedBytes = 0;
  got = '';
  closed: string | undefined;

  send(message: MediaMessage): void {
    const payload = payloadOf(message);
    for (let at = 0; at < payload.length; at += 4 + payload.readUInt32BE(at))
      this.got += payload.toString('latin1', at + 5, at + 6);
  }

  close(_code: number, reason: string): void {
    this.closed = reason;
  }
}

const LIMITS = { maxBatchMs: 0, maxSocketBytes: 1_000, tooSlowMs: 5_000, servedReportMs: 2_000, joinCache: CACHE_LIMITS };

/** As media-route.ts does it. */
async function admitted(edge: Edge, ticket: string): Promise<FakeSocket | undefined> {
  if (!(await edge.knows('news', ticket))) return undefined;
  const socket = new FakeSocket();
  return edge.attach('news', ticket, socket) && socket;
}

/** An edge at the other end of a port, as a media thread has it, and what crosses that port. */
class Thread implements MediaThread {
  readonly #ports: { readonly main: MessagePort; readonly here: MessagePort };
  readonly #end: ThreadEdge;
  /** Of chunks that came here. */
  readonly memory: ArrayBufferLike[] = [];

  constructor(time: FakeTime, carrier: ThreadedEdge) {
    const { port1: main, port2: here } = new MessageChannel();
    this.#ports = { main, here };
    this.#end = new ThreadEdge(time, LIMITS, (message) => here.postMessage(message));
    main.on('message', (message: ToEdge) => carrier.receive(this, message));
    here.on('message', (message: ToThread) => {
      if (message.type === 'chunk') this.memory.push(message.chunk.bytes.buffer);
      this.#end.receive(message);
    });
  }

  post(message: ToThread): void {
    this.#ports.main.postMessage(message);
  }

  admits(ticket: string): Promise<FakeSocket | undefined> {
    return admitted(this.#end.edge, ticket);
  }

  close(): void {
    this.#ports.main.close();
  }
}

let time: FakeTime;
let bus: Bus;
let carrier: ThreadedEdge;
let threads: [Thread, Thread];
let deliveries: Delivery[];
let counter: number;

beforeEach(() => {
  time = new FakeTime();
  bus = localBus();
  deliveries = [];
  counter = 0;
  bus.deliveries.subscribe((delivery) => deliveries.push(delivery));
  carrier = new ThreadedEdge({ edge: 'e1', clock: time, timers: time, bus, ticketWaitMs: 0 });
  threads = [new Thread(time, carrier), new Thread(time, carrier)];
  for (const thread of threads) carrier.joined(thread);
});

afterEach(() => {
  for (const thread of threads) thread.close();
});

const chunk = (name: string, flags = 0): SealedChunk => ({
  epoch: 1,
  counter: counter++,
  flags,
  bytes: Buffer.from(`${String.fromCharCode(flags)}${name}`, 'latin1'),
});
const send = (name: string, flags = 0) => bus.chunks.publish('news', chunk(name, flags));
const open = (viewing: string, catchUp = false) =>
  bus.gates.publish('e1', { kind: 'open', program: 'news', viewing, epoch: 1, catchUp });

function ticketFor(viewing: string): string {
  const ticket = newTicket();
  bus.gates.publish('e1', { kind: 'ticket', program: 'news', viewing, ticketHash: hashTicket(ticket), expiresInMs: 15_000 });
  return ticket;
}

/** What is on its way between threads has arrived. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** What each viewing was served in all, and when its last chunk was sent. */
function reported(all: readonly Delivery[]): Record<string, unknown> {
  const viewings = new Set(all.flatMap((delivery) => (delivery.kind === 'closed' ? [delivery.viewing] : [])));
  const of = (viewing: string) => ({
    spans: normalise(
      all.flatMap((delivery) =>
        delivery.kind === 'served'
          ? delivery.spans.filter(([served]) => served === viewing).map(([, fromMs, toMs]) => ({ fromMs, toMs }))
          : [],
      ),
    ),
    closed: all.filter((delivery) => delivery.kind === 'closed' && delivery.viewing === viewing),
  });
  return Object.fromEntries([...viewings].sort().map((viewing) => [viewing, of(viewing)]));
}

describe('an edge in several threads', () => {
  test('sends and reports for each viewing what one thread would, however it goes from thread to thread', async () => {
    /** @param admit lets a viewing's next socket in */
    const played = async (admit: (ticket: string, turn: number) => Promise<FakeSocket | undefined>) => {
      const sockets = new Map<string, (FakeSocket | undefined)[]>();
      const come = async (viewing: string, turn: number) => {
        sockets.set(viewing, [...(sockets.get(viewing) ?? []), await admit(ticketFor(viewing), turn)]);
        await settled();
      };
      const sends = async (afterMs: number, name: string, flags = 0) => {
        time.advance(afterMs);
        send(name, flags);
        await settled();
      };
      const kept = [chunk('P', Flag.preamble), chunk('K', Flag.keyframe)];
      bus.chunks.serveCatchUp('news', () => kept);
      for (const [turn, viewing] of ['v1', 'v2', 'v3'].entries()) {
        await come(viewing, turn);
        open(viewing, viewing !== 'v2');
        await settled();
      }
      await sends(400, 'a');
      await come('v1', 1);
      await sends(300, 'L', Flag.keyframe);
      await sends(2_500, 'b');
      await come('v2', 2);
      await sends(200, 'M', Flag.keyframe);
      await come('v3', 3);
      await come('v3', 4);
      await sends(900, 'N', Flag.keyframe);
      await sends(40, 'c');
      bus.gates.publish('e1', { kind: 'close', program: 'news', viewing: 'v1' });
      await settled();
      await sends(700, 'd');
      for (const viewing of ['v2', 'v3']) bus.gates.publish('e1', { kind: 'close', program: 'news', viewing });
      await settled();
      const got = [...sockets].map(([viewing, its]) => [viewing, ...its.map((socket) => socket?.got)]);
      return { got, reported: reported(deliveries) };
    };

    const inThreads = await played((ticket, turn) => (threads[turn % 2] ?? threads[0]).admits(ticket));
    [time, bus, deliveries, counter] = [new FakeTime(), localBus(), [], 0];
    bus.deliveries.subscribe((delivery) => deliveries.push(delivery));
    const one = new Edge({ edge: 'e1', clock: time, timers: time, bus, ticketWaitMs: 0, limits: LIMITS });
    const inOne = await played((ticket) => admitted(one, ticket));
    expect(inThreads).toEqual(inOne);
    expect(inOne.got).toEqual([
      ['v1', 'PKa', 'PLbMNc'],
      ['v2', 'PLb', 'PMNcd'],
      ['v3', 'PKaLbM', '', 'PNcd'],
    ]);
  });

  test('gives each chunk to the viewers of all threads, in order and none missing, from one memory', async () => {
    const [first, second] = threads;
    const kept: SealedChunk[] = [];
    bus.chunks.serveCatchUp('news', () => kept);
    kept.push(chunk('P', Flag.preamble), chunk('K', Flag.keyframe), chunk('a'));
    const [v1, v2] = [ticketFor('v1'), ticketFor('v2')];
    for (const viewing of ['v1', 'v2']) open(viewing, true);
    const here = await first.admits(v1);
    await settled();
    send('b');
    // The second thread begins with the program only now.
    const there = await second.admits(v2);
    send('c');
    await settled();
    for (const name of 'defgh') send(name);
    await settled();
    expect([here?.got, there?.got]).toEqual(['PKabcdefgh', 'PKabcdefgh']);
    const [memory, other] = [first, second].map((thread) => new Uint8Array(thread.memory.at(-1) ?? new ArrayBuffer()));
    memory?.set([7], 1);
    expect(other).toEqual(Uint8Array.of(0, 7));
    expect(carrier.programs).toBe(1);
    expect(carrier.mends).toBe(1);
  });

  test('a viewing that goes from thread to thread has one catch-up, no free group, and one served time', async () => {
    const [first, second] = threads;
    bus.chunks.serveCatchUp('news', () => []);
    const before = ticketFor('v1');
    open('v1', true);
    const there = await first.admits(before);
    await settled();
    send('P', Flag.preamble);
    send('K', Flag.keyframe);
    await settled();
    time.advance(300);
    send('a');
    await settled();
    const after = ticketFor('v1');
    const here = await second.admits(after);
    expect(there?.closed).toBeDefined();
    await settled();
    time.advance(300);
    send('b');
    await settled();
    expect(here?.got).toBe('');
    send('L', Flag.keyframe);
    await settled();
    time.advance(100);
    send('c');
    await settled();
    expect([there?.got, here?.got]).toEqual(['PKa', 'PLc']);
    bus.gates.publish('e1', { kind: 'close', program: 'news', viewing: 'v1' });
    await settled();
    // From the last chunk there to the first one here is no gap, as at one edge.
    expect(deliveries).toEqual([
      { edge: 'e1', kind: 'served', program: 'news', epoch: 1, spans: [['v1', 0, 300]] },
      { edge: 'e1', kind: 'served', program: 'news', epoch: 1, spans: [['v1', 300, 700]] },
      { edge: 'e1', kind: 'closed', viewing: 'v1', lastChunkMs: 700 },
    ]);
  });

  test('asks for what is missing once, and all threads go on from there', async () => {
    const [first, second] = threads;
    const kept: SealedChunk[] = [];
    let asked = 0;
    bus.chunks.serveCatchUp('news', () => {
      asked++;
      return kept;
    });
    const sockets: (FakeSocket | undefined)[] = [];
    for (const [viewing, thread] of [['v1', first] as const, ['v2', second] as const]) {
      const ticket = ticketFor(viewing);
      open(viewing, true);
      sockets.push(await thread.admits(ticket));
    }
    await settled();
    kept.push(chunk('P', Flag.preamble), chunk('K', Flag.keyframe));
    for (const each of kept) bus.chunks.publish('news', each);
    await settled();
    kept.push(chunk('a'), chunk('b'));
    bus.chunks.publish('news', kept.at(-1) as SealedChunk);
    await settled();
    send('c');
    await settled();
    // A viewer drops by its counter what it has had.
    expect(sockets.map((socket) => socket?.got)).toEqual(['PKPKabc', 'PKPKabc']);
    expect(asked).toBe(2);
  });

  test('a broadcast that ends before it is here leaves nothing behind that keeps the next one from a thread', async () => {
    const [first] = threads;
    const { promise: never } = Promise.withResolvers<never>();
    const { catchUp } = bus.chunks;
    bus.chunks.catchUp = () => never;
    await first.admits(ticketFor('v1'));
    open('v1');
    await settled();
    bus.gates.publish('e1', { kind: 'ended', program: 'news' });
    await settled();
    expect(carrier.programs).toBe(0);
    bus.chunks.catchUp = catchUp;
    const ticket = ticketFor('v2');
    open('v2');
    const socket = await first.admits(ticket);
    await settled();
    send('P', Flag.preamble);
    send('K', Flag.keyframe);
    await settled();
    expect(socket?.got).toBe('PK');
  });

  test('a shared ticket is good once, whichever threads it is shown to', async () => {
    const ticket = ticketFor('v1');
    const admitted = await Promise.all([...threads, ...threads].map((thread) => thread.admits(ticket)));
    expect(admitted.filter((socket) => socket !== undefined)).toHaveLength(1);
  });

  test('whoever comes to a thread that is not there yet is not let in, and not kept waiting', async () => {
    const early = new Thread(time, carrier);
    threads.push(early);
    const ticket = ticketFor('v1');
    expect(await early.admits(ticket)).toBeUndefined();
    carrier.joined(early);
    expect(await early.admits(ticket)).toBeDefined();
  });

  test('a thread that dies leaves its viewings to the others', async () => {
    const [first, second] = threads;
    await first.admits(ticketFor('v1'));
    carrier.lost(first);
    expect(carrier.programs).toBe(0);
    const ticket = ticketFor('v1');
    open('v1', true);
    const socket = await second.admits(ticket);
    bus.chunks.serveCatchUp('news', () => [chunk('P', Flag.preamble), chunk('K', Flag.keyframe)]);
    await settled();
    expect(carrier.viewings).toBe(1);
    send('L', Flag.keyframe);
    await settled();
    expect(socket?.got).toContain('L');
  });

  test('announces itself as one edge while there is a thread, and says when it leaves', async () => {
    const heard: EdgeAnnouncement[] = [];
    bus.edges.subscribe((announcement) => heard.push(announcement));
    open('v1');
    carrier.announce('http://media.example');
    for (const thread of threads) carrier.lost(thread);
    time.advance(1_000);
    expect(heard).toEqual([{ edge: 'e1', url: 'http://media.example', viewings: 1, leaving: false }]);
    const closed = carrier.close();
    bus.gates.publish('e1', { kind: 'close', program: 'news', viewing: 'v1' });
    time.advance(20);
    await closed;
    expect(heard.slice(1)).toEqual([{ edge: 'e1', url: 'http://media.example', viewings: 1, leaving: true }]);
  });
});
