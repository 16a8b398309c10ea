import { describe, expect, test } from '@jest/globals';
import type { Delivery, EdgeAnnouncement, GateChange } from '../../src/bus/bus.ts';
import type { SealedChunk } from '../../src/media/chunk.ts';
import { natsServer } from '../e2e/programs.ts';
import { Received } from './received.ts';
import { chunkOf, clockAhead } from './roles.ts';
import { SharedNats } from './shared-nats.ts';

const HOUR_MS = 3_600_000;
const open = (viewing: string, epoch: number): GateChange => ({ kind: 'open', program: 'news', viewing, epoch, catchUp: false });
const close = (viewing: string): GateChange => ({ kind: 'close', program: 'news', viewing });

(natsServer === undefined ? describe.skip : describe)('the bus over NATS', () => {
  const nats = new SharedNats();
  const roles = async () => ({
    authority: await nats.bus('authority'),
    encryptor: await nats.bus('encryptor-studio'),
    edge: await nats.bus('edge-a', { clock: clockAhead(7 * HOUR_MS) }),
  });

  test('chunks arrive as they were sent, in order, with what their header says of them', async () => {
    const { encryptor, edge } = await roles();
    const received = new Received<SealedChunk>();
    const unsubscribe = edge.chunks.subscribe('news', { chunk: received.add, lost: () => undefined });
    await edge.chunks.catchUp('news');
    const chunks = [chunkOf(1, 0, { flags: 1 }), chunkOf(1, 7), chunkOf(1, 8), chunkOf(300, 70_000, { bytes: 300_000 })];
    for (const chunk of chunks) encryptor.chunks.publish('news', chunk);
    expect(await received.count(chunks.length)).toEqual(chunks);

    unsubscribe();
    await edge.chunks.catchUp('news');
    encryptor.chunks.publish('news', chunkOf(301, 0));
    encryptor.chunks.publish('news', chunkOf(301, 1));
    await edge.chunks.catchUp('news');
    expect(received.all).toHaveLength(chunks.length);
  });

  test('what joiners need is asked for, even where it is larger than a message', async () => {
    const { encryptor, edge } = await roles();
    const kept = Array.from({ length: 60 }, (_, counter) => chunkOf(4, counter, { bytes: 262_144 }));
    const stop = encryptor.chunks.serveCatchUp('news', () => kept);
    await answering(() => edge.chunks.catchUp('news'));
    const caughtUp = await edge.chunks.catchUp('news');
    expect(caughtUp).toHaveLength(kept.length);
    expect(Buffer.concat(caughtUp.map(({ bytes }) => bytes)).equals(Buffer.concat(kept.map(({ bytes }) => bytes)))).toBe(true);
    stop();
  });

  test('there is nothing to join where nobody answers, nor where it is more than an edge takes', async () => {
    const { encryptor, edge } = await roles();
    expect(await edge.chunks.catchUp('news')).toEqual([]);
    let asked = 0;
    encryptor.chunks.serveCatchUp('news', () => {
      asked++;
      return Array.from({ length: 21 }, (_, counter) => chunkOf(4, counter, { bytes: 1_048_576 }));
    });
    while (asked === 0) expect(await edge.chunks.catchUp('news')).toEqual([]);
    expect(encryptor.isConnected).toBe(true);
  });

  test('an edge gets a snapshot first, and then every change in order', async () => {
    const { authority, edge } = await roles();
    authority.gates.serveSnapshots((name) => (name === 'a' ? [open('v1', 3)] : []));
    const snapshots = new Received<readonly GateChange[]>();
    const changes = new Received<GateChange>();
    edge.gates.subscribe('a', { change: changes.add, snapshot: snapshots.add });
    expect(await snapshots.count(1)).toEqual([[open('v1', 3)]]);
    const ticket: GateChange = { kind: 'ticket', program: 'news', viewing: 'v2', ticketHash: 'h'.repeat(43), expiresInMs: 1_000 };
    const sent = [ticket, open('v2', 3), close('v1'), { kind: 'ended', program: 'news' } as const];
    for (const change of sent) authority.gates.publish('a', change);
    authority.gates.publish('b', open('v9', 3));
    expect(await changes.count(sent.length)).toEqual(sent);
    expect(snapshots.all).toHaveLength(1);
  });

  test('a snapshot may be larger than a message', async () => {
    const { authority, edge } = await roles();
    const all = Array.from({ length: 100_000 }, (_, viewing) => open(`viewing-${viewing}`, 3));
    authority.gates.serveSnapshots(() => all);
    const snapshots = new Received<readonly GateChange[]>();
    edge.gates.subscribe('a', { change: () => undefined, snapshot: snapshots.add });
    await snapshots.count(1);
    expect(snapshots.all[0]).toEqual(all);
  });

  test('a change that was lost is made good by a snapshot within a second, by the change after it or by the beat', async () => {
    const { authority, edge } = await roles();
    let all: readonly GateChange[] = [open('v1', 3)];
    authority.gates.serveSnapshots(() => all);
    const snapshots = new Received<readonly GateChange[]>();
    const changes = new Received<GateChange>();
    edge.gates.subscribe('a', { change: changes.add, snapshot: snapshots.add });
    await snapshots.count(1);
    authority.gates.publish('a', open('v1', 4));
    await changes.count(1);

    // What an edge sees of a series with a hole in it: another publisher goes on where the authority is not yet.
    const spy = await nats.thief('edge-a');
    const beats = new Received<{ boot: string; seq: number }>();
    spy.subscribe('tollcast.gates.a', { callback: (_, message) => beats.add(message.json()) });
    await beats.count(1);
    const { boot = '', seq = 0 } = beats.all[0] ?? {};
    const other = await nats.thief('authority');
    for (const message of [
      { boot, seq: seq + 2, change: open('v2', 4) },
      { boot, seq: seq + 1 },
    ]) {
      const [before, fromMs] = [snapshots.all.length, performance.now()];
      all = [];
      other.publish('tollcast.gates.a', JSON.stringify(message));
      await snapshots.count(before + 1);
      expect(snapshots.all.at(-1)).toEqual([]);
      expect(performance.now() - fromMs).toBeLessThan(1_000);
    }
    await Promise.all([spy.close(), other.close()]);
  });

  test('another authority is asked for everything; while there is none, nothing is closed', async () => {
    const { authority, edge } = await roles();
    authority.gates.serveSnapshots(() => [open('v1', 3)]);
    const snapshots = new Received<readonly GateChange[]>();
    edge.gates.subscribe('a', { change: () => undefined, snapshot: snapshots.add });
    edge.edges.publish({ edge: 'a', url: '', viewings: 0, leaving: false });
    await snapshots.count(1);
    await authority.close();
    const asked = edge.counters.snapshots;

    const next = await nats.bus('authority');
    expect(edge.counters.snapshots).toBe(asked);
    expect(snapshots.all).toHaveLength(1);
    next.gates.serveSnapshots(() => []);
    next.edges.subscribe(() => undefined);
    // It is heard of by the edge's announcement, and tells by its beat that it is there.
    await answering(async () => {
      edge.edges.publish({ edge: 'a', url: '', viewings: 0, leaving: false });
      await edge.chunks.catchUp('news');
      return snapshots.all.slice(1);
    });
    expect(snapshots.all.at(-1)).toEqual([]);
  });

  test('times of an edge whose clock is hours ahead are times of the authority', async () => {
    const authority = await nats.bus('authority', { clock: clockAhead(-2 * HOUR_MS) });
    const edgeClock = clockAhead(7 * HOUR_MS);
    const edge = await nats.bus('edge-a', { clock: edgeClock });
    const received = new Received<Delivery>();
    authority.deliveries.subscribe(received.add);
    const nowMs = edgeClock.nowMs();
    const authorityNowMs = clockAhead(-2 * HOUR_MS).nowMs();
    edge.deliveries.publish({
      edge: 'a',
      kind: 'served',
      program: 'news',
      epoch: 3,
      spans: [
        ['v1', nowMs - 10_000, nowMs - 4_000],
        ['v2', nowMs - 500, nowMs],
      ],
    });
    edge.deliveries.publish({ edge: 'a', kind: 'too-slow', viewing: 'v2' });
    edge.deliveries.publish({ edge: 'a', kind: 'closed', viewing: 'v1', lastChunkMs: nowMs - 4_000 });
    edge.deliveries.publish({ edge: 'a', kind: 'closed', viewing: 'v3' });
    const [served, tooSlow, closed, never] = await received.count(4);
    if (served?.kind !== 'served' || closed?.kind !== 'closed') throw new Error('they came in another order');
    const [[v1, fromMs = 0, toMs = 0] = [], [v2] = []] = served.spans;
    expect([served.edge, served.program, served.epoch, v1, v2]).toEqual(['a', 'news', 3, 'v1', 'v2']);
    expect(toMs - fromMs).toBe(6_000);
    expect(Math.abs(toMs - (authorityNowMs - 4_000))).toBeLessThan(2_000);
    expect(Math.abs((closed.lastChunkMs ?? 0) - (authorityNowMs - 4_000))).toBeLessThan(2_000);
    expect(tooSlow).toEqual({ edge: 'a', kind: 'too-slow', viewing: 'v2' });
    expect(never).toEqual({ edge: 'a', kind: 'closed', viewing: 'v3' });
  });

  test('deliveries wait for an authority, in as many messages as they need, and none comes twice', async () => {
    const edge = await nats.bus('edge-a');
    const nowMs = 100_000;
    const spans = Array.from({ length: 25_000 }, (_, viewing) => [`v${viewing}`, nowMs, nowMs + 1] as const);
    edge.deliveries.publish({ edge: 'a', kind: 'served', program: 'news', epoch: 1, spans });
    for (let i = 0; i < 100; i++) edge.deliveries.publish({ edge: 'a', kind: 'too-slow', viewing: `v${i}` });
    const authority = await nats.bus('authority');
    const received = new Received<Delivery>();
    authority.deliveries.subscribe(received.add);
    await received.until(
      (all) => all.at(-1)?.kind === 'too-slow' && all.filter(({ kind }) => kind === 'too-slow').length === 100,
    );
    const served = received.all.flatMap((delivery) =>
      delivery.kind === 'served' ? delivery.spans.map(([viewing]) => viewing) : [],
    );
    expect(served).toEqual(spans.map(([viewing]) => viewing));
  });

  test('a delivery whose answer was lost is told again, and counts once', async () => {
    const authority = await nats.bus('authority');
    const received = new Received<Delivery>();
    authority.deliveries.subscribe(received.add);
    const edge = await nats.thief('edge-a');
    const acks = new Received<number>();
    edge.subscribe('_INBOX_edge_a.>', {
      callback: (_, { data }) => acks.add(JSON.parse(Buffer.from(data).toString('latin1', 7)).next),
    });
    const tell = (boot: string, first: number, ...viewings: string[]) => {
      const deliveries = viewings.map((viewing) => ({ kind: 'too-slow', viewing }));
      edge.publish('tollcast.deliveries.a', JSON.stringify({ boot, first, deliveries }), { reply: '_INBOX_edge_a.x' });
    };
    await answering(async () => {
      tell('one', 5, 'v1');
      await edge.flush();
      return received.all;
    });
    const told = acks.all.length;
    tell('one', 5, 'v1');
    tell('one', 5, 'v1', 'v2');
    tell('two', 0, 'v3');
    await received.until((all) => all.some((delivery) => delivery.kind === 'too-slow' && delivery.viewing === 'v3'));
    await acks.until((all) => all.at(-1) === 1);
    expect(received.all.map((delivery) => delivery.kind === 'too-slow' && delivery.viewing)).toEqual(['v1', 'v2', 'v3']);
    expect(acks.all.slice(told).slice(-3)).toEqual([6, 7, 1]);
    await edge.close();
  });

  test('an announcement says where an edge is; which one it is, the server vouches for', async () => {
    const { authority, edge } = await roles();
    const received = new Received<EdgeAnnouncement>();
    authority.edges.subscribe(received.add);
    const announcement = { edge: 'a', url: 'https://a.example', viewings: 12, leaving: true };
    await answering(async () => {
      edge.edges.publish(announcement);
      await edge.chunks.catchUp('news');
      return received.all;
    });
    expect(received.all[0]).toEqual(announcement);
  });

  test('what is no message of ours is counted, and ends nothing', async () => {
    const { encryptor, edge } = await roles();
    const received = new Received<SealedChunk>();
    edge.chunks.subscribe('news', { chunk: received.add, lost: () => undefined });
    await edge.chunks.catchUp('news');
    const stranger = await nats.thief('encryptor-studio');
    for (const junk of ['', 'x', '\u0002\u00ff']) stranger.publish('tollcast.chunks.news', junk);
    await stranger.flush();
    encryptor.chunks.publish('news', chunkOf(1, 0));
    await received.until((all) => all.some(({ epoch }) => epoch === 1));
    expect(edge.counters.unreadable).toBeGreaterThanOrEqual(2);
    await stranger.close();
  });
});

/** Asks until there is an answer: a subscription of another role may still be on its way to the server. */
async function answering(ask: () => Promise<readonly unknown[]>): Promise<void> {
  while ((await ask()).length === 0);
}
