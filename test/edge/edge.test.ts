import { beforeEach, expect, test } from '@jest/globals';
import type { Bus, Delivery, GateChange } from '../../src/bus/bus.ts';
import { localBus } from '../../src/bus/local-bus.ts';
import { Edge } from '../../src/edge/edge.ts';
import type { MediaSocket } from '../../src/edge/media-socket.ts';
import { Flag } from '../../src/media/chunk.ts';
import { CACHE_LIMITS } from '../../src/media/keyframe-cache.ts';
import { hashTicket, newTicket } from '../../src/tokens/media-ticket.ts';
import { FakeTime } from '../media/fake-time.ts';

const limits = { maxBatchMs: 0, maxSocketBytes: 1_000, tooSlowMs: 5_000, servedReportMs: 2_000, joinCache: CACHE_LIMITS };

let bus: Bus;
let edge: Edge;
let deliveries: Delivery[];
let gates: { change(change: GateChange): void; snapshot(changes: readonly GateChange[]): void };

beforeEach(async () => {
  const time = new FakeTime();
  bus = localBus();
  deliveries = [];
  bus.deliveries.subscribe((delivery) => deliveries.push(delivery));
  bus.gates.subscribe = (_, listener) => {
    gates = listener;
    return () => undefined;
  };
  edge = new Edge({ edge: 'e1', clock: time, timers: time, limits, bus, ticketWaitMs: 0 });
});

const open = (viewing: string, epoch: number): GateChange => ({ kind: 'open', program: 'news', viewing, epoch, catchUp: false });

/** @returns how many messages have been sent to it */
async function comes(viewing: string): Promise<() => number> {
  const ticket = newTicket();
  gates.change({ kind: 'ticket', program: 'news', viewing, ticketHash: hashTicket(ticket), expiresInMs: 15_000 });
  // The program is begun with: there is nothing yet.
  await Promise.resolve();
  await Promise.resolve();
  let sent = 0;
  const socket: MediaSocket = { isOpen: true, bufferedBytes: 0, send: () => sent++, close: () => undefined };
  edge.attach('news', ticket, socket);
  return () => sent;
}

const send = (epoch: number, counter: number) =>
  bus.chunks.publish('news', { epoch, counter, flags: Flag.keyframe, bytes: Buffer.from('K') });

test('what a snapshot does not have is closed: an earlier epoch of a viewing that goes on, too', async () => {
  const sent = await comes('v1');
  gates.change(open('v1', 1));
  send(1, 0);
  expect(sent()).toBe(1);
  gates.snapshot([open('v1', 2)]);
  send(1, 1);
  expect(sent()).toBe(1);
  send(2, 0);
  expect(sent()).toBe(2);
});

test('a viewing that a snapshot has goes on, and one that it has not is over', async () => {
  const [goesOn, isOver] = [await comes('v1'), await comes('v2')];
  for (const viewing of ['v1', 'v2']) gates.change(open(viewing, 1));
  gates.snapshot([open('v1', 1), open('v1', 2)]);
  send(1, 0);
  expect([goesOn(), isOver()]).toEqual([1, 0]);
  expect(deliveries).toContainEqual({ edge: 'e1', kind: 'closed', viewing: 'v2' });
});

test('what is no ticket by its form is refused and counted, and nobody is asked for it', async () => {
  const asked: string[] = [];
  const time = new FakeTime();
  const claim = async (_: string, ticket: string) => asked.push(ticket) > 0;
  const thread = new Edge({ edge: 'thread', clock: time, timers: time, limits, bus, ticketWaitMs: 1_000, claim });
  const ticket = newTicket();
  const others = ['', 'none', ticket.slice(1), `${ticket}A`, `${ticket}\n`, ` ${ticket.slice(1)}`, `${ticket.slice(1)}=`];
  for (const other of [...others, 'A'.repeat(5_000)]) expect(await thread.knows('news', other)).toBe(false);
  expect([asked, time.waiting, thread.totals.refusedTickets]).toEqual([[], 0, 8]);
  const known = thread.knows('news', ticket);
  expect(asked).toEqual([ticket]);
  await Promise.resolve();
  time.advance(1_000);
  expect(await known).toBe(false);
});
