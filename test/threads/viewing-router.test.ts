import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Delivery, GateChange } from '../../src/bus/bus.ts';
import type { MediaThread, ToThread } from '../../src/threads/messages.ts';
import { ViewingRouter } from '../../src/threads/viewing-router.ts';
import { hashTicket, newTicket } from '../../src/tokens/media-ticket.ts';
import { FakeTime } from '../media/fake-time.ts';

/** A thread that answers only when a test has it do so. */
class FakeThread implements MediaThread {
  readonly told: string[] = [];

  post(message: ToThread): void {
    if (message.type === 'gate') this.told.push(inWords(message.change));
    if (message.type === 'snapshot') this.told.push(`all: ${message.changes.map(inWords).join(', ')}`);
  }
}

function inWords(change: GateChange): string {
  switch (change.kind) {
    case 'ticket':
      return `ticket ${change.viewing}${change.lastChunkMs === undefined ? '' : ` after ${change.lastChunkMs}`}`;
    case 'open':
      return `open ${change.viewing} ${change.epoch}${change.catchUp ? ' catch-up' : ''}`;
    case 'close':
      return `close ${change.viewing}`;
    case 'ended':
      return `ended ${change.program}`;
  }
}

let time: FakeTime;
let router: ViewingRouter;
let deliveries: Delivery[];
let left: string[];
let [one, two]: [FakeThread, FakeThread] = [new FakeThread(), new FakeThread()];

const routerWith = (ticketWaitMs: number) =>
  new ViewingRouter({
    clock: time,
    timers: time,
    edge: 'e1',
    ticketWaitMs,
    deliver: (delivery) => deliveries.push(delivery),
    confirmed: () => undefined,
    left: (program) => left.push(program),
  });

beforeEach(() => {
  time = new FakeTime();
  deliveries = [];
  left = [];
  router = routerWith(0);
  [one, two] = [new FakeThread(), new FakeThread()];
  for (const thread of [one, two]) router.joined(thread);
});

const open = (viewing: string, epoch: number, catchUp = false) =>
  router.gate({ kind: 'open', program: 'news', viewing, epoch, catchUp });
const close = (viewing: string) => router.gate({ kind: 'close', program: 'news', viewing });

function ticketFor(viewing: string): string {
  const ticket = newTicket();
  router.gate({ kind: 'ticket', program: 'news', viewing, ticketHash: hashTicket(ticket), expiresInMs: 15_000 });
  return ticket;
}

/** A thread says that it let go of a viewing. */
const letsGo = (thread: MediaThread, viewing: string, lastChunkMs?: number) =>
  router.delivered(thread, {
    edge: 'thread',
    kind: 'closed',
    viewing,
    ...(lastChunkMs === undefined ? {} : { lastChunkMs }),
  });

describe('the router of viewings to threads', () => {
  test('gives a viewing to the thread that claims it, with what is open and what opens from then on; to no other', async () => {
    const ticket = ticketFor('v1');
    open('v1', 1, true);
    expect(await router.claim(two, 'news', ticket)).toBe(true);
    open('v1', 2);
    expect(two.told).toEqual(['ticket v1', 'open v1 1 catch-up', 'open v1 2']);
    expect(one.told).toEqual([]);
  });

  test('lets a ticket claim once: by no thread again, nor for another program', async () => {
    const ticket = ticketFor('v1');
    expect(await router.claim(one, 'sport', ticket)).toBe(false);
    const claims = await Promise.all([router.claim(one, 'news', ticket), router.claim(two, 'news', ticket)]);
    expect(claims).toEqual([true, false]);
    expect(await router.claim(one, 'news', ticket)).toBe(false);
    expect(await router.claim(one, 'news', newTicket())).toBe(false);
    // One was good when it was asked for, and used a moment later.
    expect(router.tickets.refused).toBe(3);
  });

  test('waits for a ticket that is still on its way to this host, as long as it may take', async () => {
    router = routerWith(1_000);
    router.joined(one);
    const ticket = newTicket();
    const [coming, never] = [router.claim(one, 'news', ticket), router.claim(one, 'news', newTicket())];
    time.advance(600);
    router.gate({ kind: 'ticket', program: 'news', viewing: 'v1', ticketHash: hashTicket(ticket), expiresInMs: 15_000 });
    expect(await coming).toBe(true);
    time.advance(400);
    expect(await never).toBe(false);
  });

  test('a thread that dies while it claims, or is not there yet, uses up no ticket', async () => {
    router = routerWith(1_000);
    router.joined(one);
    const ticket = newTicket();
    const claims = [router.claim(one, 'news', ticket), router.claim(two, 'news', ticket)];
    router.lost(one);
    router.gate({ kind: 'ticket', program: 'news', viewing: 'v1', ticketHash: hashTicket(ticket), expiresInMs: 15_000 });
    expect(await Promise.all(claims)).toEqual([false, false]);
    router.joined(two);
    expect(await router.claim(two, 'news', ticket)).toBe(true);
  });

  test('a new ticket has the thread let go at once, and the next one has the viewing only then; a catch-up is given once', async () => {
    open('v1', 1, true);
    await router.claim(one, 'news', ticketFor('v1'));
    const ticket = ticketFor('v1');
    expect(one.told).toEqual(['ticket v1', 'open v1 1 catch-up', 'close v1']);
    const claimed = router.claim(two, 'news', ticket);
    open('v1', 2, true);
    await Promise.resolve();
    expect(two.told).toEqual([]);
    letsGo(one, 'v1', 700);
    expect(await claimed).toBe(true);
    expect(two.told).toEqual(['ticket v1 after 700', 'open v1 1', 'open v1 2 catch-up']);
    // The authority has closed nothing, and hears of none of it.
    expect(deliveries).toEqual([]);
  });

  test('the thread that had it may have it again', async () => {
    open('v1', 1);
    await router.claim(one, 'news', ticketFor('v1'));
    const claimed = router.claim(one, 'news', ticketFor('v1'));
    letsGo(one, 'v1');
    expect(await claimed).toBe(true);
    expect(one.told).toEqual(['ticket v1', 'open v1 1', 'close v1', 'ticket v1', 'open v1 1']);
  });

  test('tells the authority that a viewing is closed once its thread has said so, with the last chunk of all threads', async () => {
    await router.claim(one, 'news', ticketFor('v1'));
    const claimed = router.claim(two, 'news', ticketFor('v1'));
    letsGo(one, 'v1', 900);
    await claimed;
    close('v1');
    expect(deliveries).toEqual([]);
    letsGo(two, 'v1');
    expect(deliveries).toEqual([{ edge: 'e1', kind: 'closed', viewing: 'v1', lastChunkMs: 900 }]);
    expect([router.viewings, left]).toEqual([0, ['news']]);
  });

  test('a viewing that no thread has is closed at once, and so is one that is not known', () => {
    ticketFor('v1');
    close('v1');
    close('v2');
    expect(deliveries).toEqual([
      { edge: 'e1', kind: 'closed', viewing: 'v1' },
      { edge: 'e1', kind: 'closed', viewing: 'v2' },
    ]);
  });

  test('nobody has a viewing that is closed while its next thread waits for it', async () => {
    await router.claim(one, 'news', ticketFor('v1'));
    const claimed = router.claim(two, 'news', ticketFor('v1'));
    await Promise.resolve();
    close('v1');
    expect(await claimed).toBe(false);
    letsGo(one, 'v1', 5);
    expect(two.told).toEqual([]);
    expect(deliveries).toEqual([{ edge: 'e1', kind: 'closed', viewing: 'v1', lastChunkMs: 5 }]);
  });

  test('passes on what threads served as of the edge, too slow only of whoever has it', async () => {
    await router.claim(one, 'news', ticketFor('v1'));
    const served = { edge: 'thread', kind: 'served', program: 'news', epoch: 1, spans: [['v1', 10, 300]] } as const;
    router.delivered(one, served);
    router.delivered(two, { edge: 'thread', kind: 'too-slow', viewing: 'v1' });
    router.delivered(one, { edge: 'thread', kind: 'too-slow', viewing: 'v1' });
    ticketFor('v1');
    router.delivered(one, { edge: 'thread', kind: 'too-slow', viewing: 'v1' });
    expect(deliveries).toEqual([
      { ...served, edge: 'e1' },
      { edge: 'e1', kind: 'too-slow', viewing: 'v1' },
    ]);
  });

  test('what a dead thread had counts as let go, up to what it reported', async () => {
    for (const viewing of ['v1', 'v2', 'v3']) await router.claim(one, 'news', ticketFor(viewing));
    const served = { edge: 'thread', kind: 'served', program: 'news', epoch: 1 } as const;
    router.delivered(one, { ...served, spans: ['v1', 'v2'].map((viewing) => [viewing, 10, 300] as const) });
    close('v1');
    const claimed = router.claim(two, 'news', ticketFor('v2'));
    const toItself = router.claim(one, 'news', ticketFor('v3'));
    await Promise.resolve();
    router.lost(one);
    expect(deliveries.slice(1)).toEqual([{ edge: 'e1', kind: 'closed', viewing: 'v1', lastChunkMs: 300 }]);
    expect(await claimed).toBe(true);
    expect(two.told).toEqual(['ticket v2 after 300']);
    expect(await router.claim(two, 'news', ticketFor('v3'))).toBe(true);
    expect(await Promise.race([toItself, 'nobody is answered'])).toBe(false);
    expect(router.viewings).toBe(2);
  });

  test('the end of a broadcast is told to all threads, and all is forgotten once they have let go of it', async () => {
    for (const viewing of ['v1', 'v2', 'v3']) await router.claim(one, 'news', ticketFor(viewing));
    close('v1');
    ticketFor('v3');
    const ticket = ticketFor('v4');
    router.gate({ kind: 'ended', program: 'news' });
    expect(one.told.slice(-4)).toEqual(['close v1', 'close v3', 'close v2', 'ended news']);
    expect([two.told, router.viewings, router.tickets.unused]).toEqual([['ended news'], 3, 0]);
    expect(await router.claim(two, 'news', ticket)).toBe(false);
    for (const viewing of ['v1', 'v3', 'v2']) letsGo(one, viewing, 4);
    expect(deliveries).toEqual([{ edge: 'e1', kind: 'closed', viewing: 'v1', lastChunkMs: 4 }]);
    expect([router.viewings, left]).toEqual([0, ['news']]);
  });

  test('that a thread let go from before the end of a broadcast is not believed of what it has after', async () => {
    await router.claim(one, 'news', ticketFor('v1'));
    ticketFor('v1');
    router.gate({ kind: 'ended', program: 'news' });
    const again = router.claim(one, 'news', ticketFor('v1'));
    await Promise.resolve();
    expect(one.told).toEqual(['ticket v1', 'close v1', 'ended news']);
    letsGo(one, 'v1', 7);
    expect(await again).toBe(true);
    const claimed = router.claim(two, 'news', ticketFor('v1'));
    await Promise.resolve();
    expect([one.told.slice(3), two.told]).toEqual([['ticket v1 after 7', 'close v1'], ['ended news']]);
    letsGo(one, 'v1', 9);
    expect(await claimed).toBe(true);
    expect(two.told).toEqual(['ended news', 'ticket v1 after 9']);
    expect(deliveries).toEqual([]);
  });

  test('after gates were missed, what is not told is closed, and what was granted here is not granted again', async () => {
    for (const epoch of [1, 2]) open('v1', epoch, true);
    open('v2', 1);
    await router.claim(one, 'news', ticketFor('v1'));
    const open2 = (viewing: string) => ({ kind: 'open', program: 'news', viewing, epoch: 2, catchUp: true }) as const;
    router.restore([open2('v1'), open2('v3')]);
    expect(deliveries).toEqual([{ edge: 'e1', kind: 'closed', viewing: 'v2' }]);
    expect([one.told.at(-1), two.told.at(-1)]).toEqual(['all: open v1 2', 'all: ']);
    const claims = [router.claim(two, 'news', ticketFor('v3')), router.claim(two, 'news', ticketFor('v1'))];
    await Promise.resolve();
    letsGo(one, 'v1');
    await Promise.all(claims);
    expect(two.told.slice(1).sort()).toEqual(['open v1 2', 'open v3 2 catch-up', 'ticket v1', 'ticket v3']);
  });

  test('a viewing that comes back while it is being closed is not said to be closed', async () => {
    await router.claim(one, 'news', ticketFor('v1'));
    close('v1');
    const claimed = router.claim(two, 'news', ticketFor('v1'));
    open('v1', 3);
    letsGo(one, 'v1', 8);
    expect(await claimed).toBe(true);
    expect(two.told).toEqual(['ticket v1 after 8', 'open v1 3']);
    expect(deliveries).toEqual([]);
  });
});
