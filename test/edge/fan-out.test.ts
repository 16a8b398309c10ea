import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Bus, Delivery } from '../../src/bus/bus.ts';
import { localBus } from '../../src/bus/local-bus.ts';
import { BatchPace } from '../../src/edge/batch-pace.ts';
import { FanOut, type FanOutLimits } from '../../src/edge/fan-out.ts';
import type { MediaMessage } from '../../src/edge/media-message.ts';
import type { MediaSocket } from '../../src/edge/media-socket.ts';
import { Flag, type SealedChunk } from '../../src/media/chunk.ts';
import { CACHE_LIMITS } from '../../src/media/keyframe-cache.ts';
import { FakeTime } from '../media/fake-time.ts';
import { payloadOf } from './payload-of.ts';

const LIMITS: FanOutLimits = {
  maxSocketBytes: 1_000,
  tooSlowMs: 5_000,
  servedReportMs: 2_000,
  joinCache: CACHE_LIMITS,
};

/** A media socket that keeps what it is sent; `full` is what it has not passed on. */
class FakeSocket implements MediaSocket {
  readonly messages: Buffer[] = [];
  bufferedBytes = 0;
  isOpen = true;
  closed: string | undefined;

  send(message: MediaMessage): void {
    this.messages.push(payloadOf(message));
  }

  close(_code: number, reason: string): void {
    this.closed = reason;
  }

  /** What arrived: the byte that each chunk was made with. */
  get got(): string {
    return this.messages.map((message) => [...chunksIn(message)].join('')).join(' ');
  }
}

function* chunksIn(message: Buffer): Iterable<string> {
  for (let at = 0; at < message.length; at += 4 + message.readUInt32BE(at)) yield message.toString('latin1', at + 5, at + 6);
}

let time: FakeTime;
let deliveries: Delivery[];
let fanOut: FanOut;
let pace: BatchPace;
/** What passes are timed by: it stands still unless a test says otherwise. */
let watchMs: number;
let bus: Bus;
const counters = new Map<number, number>();

beforeEach(async () => {
  time = new FakeTime();
  deliveries = [];
  counters.clear();
  bus = localBus();
  watchMs = 0;
  pace = new BatchPace(100, () => watchMs);
  bus.deliveries.subscribe((delivery) => deliveries.push(delivery));
  fanOut = new FanOut('e1', 'news', { clock: time, timers: time, limits: LIMITS, bus, pace });
  // It asks for what it missed; there is nothing.
  await Promise.resolve();
  await Promise.resolve();
});

function chunk(epoch: number, name: string, flags = 0): SealedChunk {
  const counter = counters.get(epoch) ?? 0;
  counters.set(epoch, counter + 1);
  return { epoch, counter, flags, bytes: Buffer.from(`${String.fromCharCode(flags)}${name}`, 'latin1') };
}

const send = (epoch: number, name: string, flags = 0) => bus.chunks.publish('news', chunk(epoch, name, flags));
const open = (viewing: string, epoch: number, catchUp = false) =>
  fanOut.gate({ kind: 'open', program: 'news', viewing, epoch, catchUp });

function attach(viewing: string): FakeSocket {
  const socket = new FakeSocket();
  fanOut.gate({ kind: 'ticket', program: 'news', viewing, ticketHash: '', expiresInMs: 1_000 });
  fanOut.attach(viewing, socket);
  return socket;
}

function begin(epoch: number): void {
  send(epoch, 'P', Flag.preamble);
  send(epoch, 'K', Flag.keyframe);
}

describe('the fan-out', () => {
  test('sends nothing of an epoch whose gate is closed', () => {
    const socket = attach('v1');
    begin(1);
    open('v1', 2);
    send(1, 'a');
    expect(socket.got).toBe('');
  });

  test('gives who joins the preamble and every chunk since the last keyframe, then each as it comes', () => {
    begin(1);
    send(1, 'a');
    begin2();
    send(1, 'c');
    const socket = attach('v1');
    open('v1', 1, true);
    send(1, 'd');
    expect(socket.got).toBe('PLc d');
  });

  function begin2(): void {
    send(1, 'L', Flag.keyframe);
  }

  test('sends chunks that come close together as one message where passes are dear, and the first after a pause at once', () => {
    const socket = attach('v1');
    open('v1', 1);
    begin(1);
    const before = socket.messages.length;
    // The pace of a fan-out with a hundred times as many viewers: 40 ms.
    for (let pass = 0; pass < 200; pass++)
      pace.time('another program', () => {
        watchMs += 3.2;
      });
    time.advance(1_000);
    send(1, 'a');
    expect(socket.messages.length - before).toBe(1);
    time.advance(10);
    send(1, 'b');
    time.advance(15);
    send(1, 'c');
    time.advance(14);
    expect(socket.messages.length - before).toBe(1);
    time.advance(2);
    expect(socket.messages.length - before).toBe(2);
    expect(socket.got.endsWith(' a bc')).toBe(true);
    time.advance(1_000);
    send(1, 'd');
    expect(socket.got.endsWith(' a bc d')).toBe(true);
  });

  test('begins with a catch-up that is longer than a socket may hold, and does not take that for being slow', () => {
    send(1, 'P', Flag.preamble);
    send(1, 'K', Flag.keyframe);
    for (let at = 0; at < 200; at++) send(1, 'a');
    const socket = attach('v1');
    open('v1', 1, true);
    socket.bufferedBytes = socket.messages[0]?.length ?? 0;
    expect(socket.bufferedBytes).toBeGreaterThan(1_000);
    send(1, 'b');
    expect(socket.got.endsWith(' b')).toBe(true);
    socket.bufferedBytes = 400;
    send(1, 'c');
    socket.bufferedBytes = 1_001;
    send(1, 'd');
    expect(socket.got.endsWith(' b c')).toBe(true);
  });

  test('lets who has had the free catch-up of an epoch wait for the next keyframe', () => {
    begin(1);
    const socket = attach('v1');
    open('v1', 1, false);
    send(1, 'a');
    expect(socket.got).toBe('');
    send(1, 'L', Flag.keyframe);
    send(1, 'b');
    expect(socket.got).toBe('PL b');
  });

  test('gives the catch-up of an epoch once, to a second socket not again', () => {
    begin(1);
    const first = attach('v1');
    open('v1', 1, true);
    const second = attach('v1');
    send(1, 'a');
    expect([first.got, second.got]).toEqual(['PK', '']);
    expect(first.closed).toBe('superseded by a new ticket');
  });

  test('goes on across a change of epoch without a gap, for viewers whose next gate is open; stops for the others', () => {
    begin(1);
    const [here, gone] = [attach('v1'), attach('v2')];
    for (const viewing of ['v1', 'v2']) open(viewing, 1, true);
    open('v1', 2);
    send(1, 'a');
    begin(2);
    send(2, 'b');
    expect(here.got).toBe('PK a P K b');
    expect(gone.got).toBe('PK a');
  });

  test('keeps what was sealed again for joiners from who has it already, and gives it to joiners', () => {
    begin(1);
    const live = attach('v1');
    open('v1', 1, true);
    open('v1', 2);
    const waiting = attach('v3');
    open('v3', 2);
    send(2, 'P', Flag.preamble);
    send(2, 'K', Flag.keyframe | Flag.forJoiners);
    send(2, 'a', Flag.forJoiners);
    send(2, 'x');
    const joiner = attach('v2');
    open('v2', 2, true);
    expect(live.got).toBe('PK P x');
    expect(joiner.got).toBe('PKax');
    expect(waiting.got).toBe('PKax');
  });

  test('tells what waits: bytes in sockets, and who loses chunks for it', () => {
    const slow = attach('slow');
    open('slow', 1);
    send(1, 'K', Flag.keyframe);
    expect(fanOut.backlog).toMatchObject({ socketBytes: 0, behind: 0, waitingChunks: 0 });
    slow.bufferedBytes = 1_001;
    send(1, 'a');
    expect(fanOut.backlog).toMatchObject({ socketBytes: 1_001, behind: 1 });
    // A chunk is missing: those after it wait until what came before was asked for.
    counters.set(1, 9);
    send(1, 'b');
    expect([fanOut.backlog.waitingChunks, fanOut.mends]).toEqual([1, 2]);
  });

  test('a viewer whose socket is full loses chunks until a keyframe finds it drained; nobody else does', () => {
    begin(1);
    const [slow, quick] = [attach('v1'), attach('v2')];
    for (const viewing of ['v1', 'v2']) open(viewing, 1, true);
    slow.bufferedBytes = 1_001;
    send(1, 'a');
    send(1, 'L', Flag.keyframe);
    slow.bufferedBytes = 0;
    send(1, 'b');
    expect(slow.got).toBe('PK');
    send(1, 'M', Flag.keyframe);
    expect(slow.got).toBe('PK PM');
    expect(quick.got).toBe('PK a L b M');
    expect(fanOut.dropped).toBeGreaterThan(0);
  });

  test('a viewer that stays behind is reported and cut off', () => {
    begin(1);
    const slow = attach('v1');
    open('v1', 1, true);
    slow.bufferedBytes = 2_000;
    send(1, 'a');
    time.advance(5_000);
    send(1, 'b');
    expect(slow.closed).toBe('too slow');
    expect(deliveries).toContainEqual({ edge: 'e1', kind: 'too-slow', viewing: 'v1' });
  });

  test('reports served time without the gaps of over a second, and the last chunk when the gate closes', () => {
    begin(1);
    const from = time.nowMs();
    attach('v1');
    open('v1', 1, true);
    for (const waitMs of [400, 400, 1_001, 300]) {
      time.advance(waitMs);
      send(1, 'a');
    }
    fanOut.gate({ kind: 'close', program: 'news', viewing: 'v1' });
    const spans = deliveries.flatMap((delivery) => (delivery.kind === 'served' ? delivery.spans : []));
    expect(spans).toEqual([
      ['v1', from, from + 800],
      ['v1', from + 1_801, from + 2_101],
    ]);
    expect(deliveries.at(-1)).toEqual({ edge: 'e1', kind: 'closed', viewing: 'v1', lastChunkMs: from + 2_101 });
    send(1, 'z');
    expect(deliveries.at(-1)).toMatchObject({ kind: 'closed' });
  });

  test('notices missing chunks, asks for all since the last keyframe, and sends each viewer on from there', async () => {
    begin(1);
    const socket = attach('v1');
    open('v1', 1, true);
    const [lost, next] = [chunk(1, 'a'), chunk(1, 'b')];
    bus.chunks.serveCatchUp('news', () => [chunk0('P', 0, Flag.preamble), chunk0('K', 1, Flag.keyframe), lost, next]);
    bus.chunks.publish('news', next);
    await settled();
    send(1, 'c');
    expect(socket.got).toBe('PK PKabc');
  });

  test('beginning with a program, gives what came since the last keyframe to whom it was granted, and to nobody else', async () => {
    const kept = [chunk(1, 'P', Flag.preamble), chunk(1, 'K', Flag.keyframe), chunk(1, 'a')];
    bus.chunks.serveCatchUp('sport', () => kept);
    const fresh = new FanOut('e1', 'sport', { clock: time, timers: time, limits: LIMITS, bus, pace });
    const sockets = ['granted', 'had it elsewhere'].map((viewing) => {
      const socket = new FakeSocket();
      fresh.gate({ kind: 'open', program: 'sport', viewing, epoch: 1, catchUp: viewing === 'granted' });
      fresh.attach(viewing, socket);
      return socket;
    });
    await settled();
    bus.chunks.publish('sport', chunk(1, 'b'));
    bus.chunks.publish('sport', chunk(1, 'L', Flag.keyframe));
    expect(sockets.map(({ got }) => got)).toEqual(['PKa b L', 'PL']);
    fresh.close();
  });

  test('waits for the next keyframe where nobody has what is missing', async () => {
    begin(1);
    const socket = attach('v1');
    open('v1', 1, true);
    chunk(1, 'lost');
    send(1, 'b');
    await settled();
    send(1, 'c');
    expect(socket.got).toBe('PK');
    send(1, 'L', Flag.keyframe);
    expect(socket.got).toBe('PK PL');
  });

  test('drops chunks of an epoch that is over: an encryptor that was fenced off is not heard', async () => {
    begin(1);
    const socket = attach('v1');
    for (const epoch of [1, 2]) open('v1', epoch, true);
    begin(2);
    send(1, 'x');
    await settled();
    send(2, 'b');
    expect(socket.got).toBe('PK P K b');
  });
});

const chunk0 = (name: string, counter: number, flags: number): SealedChunk => ({ ...chunk(9, name, flags), epoch: 1, counter });

const settled = () => new Promise((resolve) => setImmediate(resolve));
