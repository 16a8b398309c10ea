import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { Delivery, EdgeAnnouncement } from '../../src/bus/bus.ts';
import { systemTimers } from '../../src/clock.ts';
import { natsServer } from '../e2e/programs.ts';
import { FakeTime } from '../media/fake-time.ts';
import { TestNats } from './nats-server.ts';
import { Received } from './received.ts';
import { busOf, chunkOf, connectionOf, GRANTS } from './roles.ts';
import { SharedNats } from './shared-nats.ts';

(natsServer === undefined ? describe.skip : describe)('a bus with somebody on it who does as he likes', () => {
  const nats = new SharedNats();

  test('hears of no edge whose address viewers could not use', async () => {
    const authority = await nats.bus('authority');
    const received = new Received<EdgeAnnouncement>();
    authority.edges.subscribe(received.add);
    const edge = await nats.thief('edge-a');
    const announce = (url: string) => edge.publish('tollcast.edges.a', JSON.stringify({ url, viewings: 0, leaving: false }));
    const bad = [
      ...['', 'http://[', 'javascript:alert(1)', 'ws://a.example', 'ftp://a.example', '//a.example', 'a.example', 'http://'],
      ...[
        'http://a.example/x#y',
        'http://a.example/?x',
        'https://me:secret@a.example',
        'https://me@a.example',
        'http://a .example',
      ],
      ...['HTTP://a.example', 'http://a.example:99999', 'http://a.example\\x', `http://a.example/${'x'.repeat(2_048)}`],
    ];
    const good = ['http://127.0.0.1:1', 'https://a.example', 'https://a.example/tollcast', 'http://[::1]:8080'];
    for (const url of [...bad, ...good]) announce(url);
    await received.count(good.length);
    expect(received.all.map(({ url }) => url)).toEqual(good);
    expect(authority.counters.unreadable).toBe(bad.length);
  });

  test('goes on where a server without permissions lets through what no edge is called', async () => {
    const free = await TestNats.start(GRANTS);
    nats.leave({ close: () => free.remove() });
    free.letAll();
    await free.reload();
    const time = new FakeTime();
    const authority = nats.leave(await busOf(free, 'authority', { clock: time, timers: { after: time.after.bind(time) } }));
    authority.gates.serveSnapshots(() => []);
    const edges = new Received<EdgeAnnouncement>();
    authority.edges.subscribe(edges.add);
    const deliveries = new Received<Delivery>();
    authority.deliveries.subscribe(deliveries.add);
    const stranger = nats.leave(await connectionOf(free, 'edge-a'));
    const announcement = { url: 'http://a', viewings: 0, leaving: false };
    for (const name of ['E1', 'a_b', '-a', 'x'.repeat(64), 'a']) {
      stranger.publish(`tollcast.snapshot.${name}`, '', { reply: `_INBOX_edge_${name}.x` });
      stranger.publish(`tollcast.deliveries.${name}`, JSON.stringify({ boot: 'x', first: 0, deliveries: [] }));
      stranger.publish(`tollcast.edges.${name}`, JSON.stringify(announcement));
    }
    await edges.count(1);
    time.advance(5_000);
    expect(edges.all).toEqual([{ edge: 'a', ...announcement }]);
    expect(deliveries.all).toEqual([]);
    expect(authority.counters.snapshots).toBe(1);
  });

  test('answers no edge more often than an edge has to ask, and each for itself', async () => {
    const encryptor = await nats.bus('encryptor-studio', { clock: new FakeTime() });
    const authority = await nats.bus('authority', { clock: new FakeTime() });
    let packed = 0;
    encryptor.chunks.serveCatchUp('news', () => {
      packed++;
      return [chunkOf(1, 0)];
    });
    authority.gates.serveSnapshots(() => []);
    authority.edges.subscribe(() => undefined);
    const edge = await nats.thief('edge-a');
    const answers = { catchUp: 0, snapshot: 0 };
    for (const kind of ['catchUp', 'snapshot'] as const)
      edge.subscribe(`_INBOX_edge_a.${kind}`, {
        callback: (_, { data }) => {
          if (data.length > 0) answers[kind]++;
        },
      });
    for (let question = 0; question < 100; question++) {
      edge.publish('tollcast.catchup.news.a', '', { reply: '_INBOX_edge_a.catchUp' });
      edge.publish('tollcast.snapshot.a', '', { reply: '_INBOX_edge_a.snapshot' });
    }
    await edge.flush();
    const other = await nats.bus('edge-b');
    while ((await other.chunks.catchUp('news')).length === 0);
    const snapshots = new Received<unknown>();
    other.gates.subscribe('b', { change: () => undefined, snapshot: snapshots.add });
    await snapshots.count(1);
    await edge.flush();
    expect(answers).toEqual({ catchUp: 5, snapshot: 5 });
    expect(packed).toBe(6);
    expect(authority.counters.snapshots).toBe(6);
  });

  test('packs what joiners need once for each chunk, however many ask', async () => {
    const encryptor = await nats.bus('encryptor-studio');
    const kept = [chunkOf(1, 0), chunkOf(1, 1)];
    let read = 0;
    // Whoever packs it reads the bytes; whoever only compares does not.
    const counted = kept.map(({ bytes, ...chunk }) => ({
      ...chunk,
      get bytes() {
        read++;
        return bytes;
      },
    }));
    encryptor.chunks.serveCatchUp('news', () => [...counted]);
    const edges = await Promise.all(['edge-a', 'edge-b'].map((credential) => nats.bus(credential)));
    for (const edge of edges) while ((await edge.chunks.catchUp('news')).length === 0);
    const once = read;
    for (const edge of edges)
      expect((await edge.chunks.catchUp('news')).map(({ bytes }) => bytes)).toEqual(kept.map(({ bytes }) => bytes));
    expect(read).toBe(once);
    encryptor.chunks.publish('news', chunkOf(1, 2));
    for (const edge of edges) expect(await edge.chunks.catchUp('news')).toHaveLength(2);
    expect(read).toBe(2 * once);
  });

  test.each([
    ['begins an answer and does not go on', [[1, 0, 0]]],
    [
      'leaves a part out',
      [
        [1, 0, 0],
        [1, 2, 1],
      ],
    ],
    ['begins one answer after another', Array.from({ length: 50 }, (_, id) => [id, 0, 0])],
    ['says what is no part', [[]]],
  ])('hears an answer though another one %s', async (_, parts) => {
    const edge = await nats.bus('edge-a');
    const [liar, honest] = [await nats.thief('encryptor-studio'), await nats.thief('encryptor-studio')];
    const questions = new Received<string>();
    liar.subscribe('tollcast.catchup.news.*', {
      callback: (_, question) => {
        for (const part of parts) question.respond(partOf(part));
        void liar.flush().then(() => questions.add(question.reply ?? ''));
      },
    });
    // Its question came too, so that the server lets it answer.
    honest.subscribe('tollcast.catchup.news.*', { callback: () => undefined });
    await Promise.all([liar.flush(), honest.flush()]);
    const fromMs = performance.now();
    const answer = edge.chunks.catchUp('news');
    await questions.count(1);
    const { bytes } = chunkOf(1, 0);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    honest.publish(questions.all[0] ?? '', Buffer.concat([partOf([77, 0, 0]), length]));
    honest.publish(questions.all[0] ?? '', Buffer.concat([partOf([77, 1, 1]), bytes]));
    expect((await answer).map((chunk) => chunk.bytes)).toEqual([bytes]);
    expect(performance.now() - fromMs).toBeLessThan(1_000);
  });

  test('takes every delivery that it can, and leaves out what it cannot take at three tries', async () => {
    const authority = await nats.bus('authority');
    const edge = await nats.bus('edge-a', { timers: { after: (ms, run) => systemTimers.after(ms / 10, run) } });
    const tries = new Map<string, number>();
    authority.deliveries.subscribe((delivery) => {
      const viewing = 'viewing' in delivery ? delivery.viewing : '';
      const tried = (tries.get(viewing) ?? 0) + 1;
      tries.set(viewing, tried);
      if (viewing === 'never' || (viewing === 'at once not' && tried === 1)) throw new Error('no');
      if (viewing === 'last') taken.resolve();
    });
    const taken = Promise.withResolvers<void>();
    for (const viewing of ['first', 'at once not', 'second', 'never', 'x'.repeat(65), 'third', 'last'])
      edge.deliveries.publish({ edge: 'a', kind: 'too-slow', viewing });
    await taken.promise;
    expect([...tries]).toEqual([
      ['first', 1],
      ['at once not', 2],
      ['second', 1],
      ['never', 3],
      ['third', 1],
      ['last', 1],
    ]);
    expect(authority.counters.lostDeliveries).toBe(2);
  });
});

/** `[id, index, isLast]` */
const partOf = ([id, index, isLast]: readonly number[]): Buffer => {
  if (id === undefined) return randomBytes(3);
  const header = Buffer.alloc(7);
  header.writeUInt32BE(id, 0);
  header.writeUInt16BE(index ?? 0, 4);
  header.writeUInt8(isLast ?? 0, 6);
  return header;
};
