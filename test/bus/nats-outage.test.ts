import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Delivery, GateChange } from '../../src/bus/bus.ts';
import type { NatsBus } from '../../src/bus/nats-bus.ts';
import { type Clock, systemClock } from '../../src/clock.ts';
import type { SealedChunk } from '../../src/media/chunk.ts';
import { natsServer } from '../e2e/programs.ts';
import { type LogLine, logTo } from './log-lines.ts';
import { TestNats } from './nats-server.ts';
import { Received } from './received.ts';
import { busOf, chunkOf, GRANTS } from './roles.ts';

(natsServer === undefined ? describe.skip : describe)('an outage of NATS', () => {
  let nats: TestNats;
  let authority: NatsBus;
  let encryptor: NatsBus;
  let edge: NatsBus;
  const clock: Clock = systemClock();

  beforeEach(async () => {
    nats = await TestNats.start(GRANTS);
    [authority, encryptor, edge] = await Promise.all([
      busOf(nats, 'authority', { clock }),
      busOf(nats, 'encryptor-studio', { clock }),
      busOf(nats, 'edge-a', { clock }),
    ]);
  });
  afterEach(async () => {
    await Promise.all([authority, encryptor, edge].map((bus) => bus.close()));
    await nats.remove();
  });

  test('ends by itself: chunks flow again, gates are asked for, and what was served meanwhile is told, once', async () => {
    const chunks = new Received<SealedChunk>();
    const losses = new Received<undefined>();
    edge.chunks.subscribe('news', { chunk: chunks.add, lost: () => losses.add(undefined) });
    const deliveries = new Received<Delivery>();
    authority.deliveries.subscribe(deliveries.add);
    let gates: readonly GateChange[] = [{ kind: 'open', program: 'news', viewing: 'v1', epoch: 1, catchUp: false }];
    authority.gates.serveSnapshots(() => gates);
    const snapshots = new Received<readonly GateChange[]>();
    edge.gates.subscribe('a', { change: () => undefined, snapshot: snapshots.add });
    await snapshots.count(1);
    const report = (epoch: number) => {
      const toMs = clock.nowMs();
      const spans = [['v1', toMs - 1_000, toMs]] as const;
      edge.deliveries.publish({ edge: 'a', kind: 'served', program: 'news', epoch, spans });
      return toMs;
    };
    report(0);
    await deliveries.count(1);

    // Before anybody has noticed, and while the server is away.
    const killed = nats.kill();
    const reportedMs = [report(1)];
    await killed;
    reportedMs.push(report(2));
    for (let counter = 0; counter < 100; counter++) encryptor.chunks.publish('news', chunkOf(1, counter));
    gates = [];
    await nats.run();
    reportedMs.push(report(3));

    await Promise.all([losses.count(1), snapshots.count(2), deliveries.count(4)]);
    expect(snapshots.all.at(-1)).toEqual([]);
    const served = deliveries.all.flatMap((delivery) => (delivery.kind === 'served' ? [delivery] : []));
    expect(served.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3]);
    for (const [at, { spans }] of served.slice(1).entries()) {
      const [[, fromMs = 0, toMs = 0] = []] = spans;
      expect(toMs - fromMs).toBe(1_000);
      expect(Math.abs(toMs - (reportedMs[at] ?? 0))).toBeLessThan(1_000);
    }
    for (let counter = 100; chunks.all.length === 0; counter++) {
      encryptor.chunks.publish('news', chunkOf(1, counter));
      await edge.chunks.catchUp('news');
    }
    expect(chunks.all[0]?.counter).toBeGreaterThanOrEqual(100);
    expect(edge.counters.reconnections).toBe(1);
  });

  test('a server that does not read has chunks dropped, not piled up', async () => {
    const chunks = new Received<SealedChunk>();
    edge.chunks.subscribe('news', { chunk: chunks.add, lost: () => undefined });
    await edge.chunks.catchUp('news');
    nats.freeze();
    for (let counter = 0; counter < 200; counter++) encryptor.chunks.publish('news', chunkOf(1, counter, { bytes: 262_144 }));
    expect(encryptor.counters.unsent).toBeGreaterThan(60);
    nats.thaw();
    for (let counter = 200; (chunks.all.at(-1)?.counter ?? 0) < 200; counter++) {
      encryptor.chunks.publish('news', chunkOf(1, counter));
      await edge.chunks.catchUp('news');
    }
  });

  test('is told of in the log: the server and the role, and how long it was', async () => {
    const lines = new Received<LogLine>();
    const bus = await busOf(nats, 'edge-b', { log: logTo(lines) });
    await nats.kill();
    await lines.count(2);
    await nats.run();
    await lines.count(3);
    await bus.close();
    const at = { nats: 'edge', server: nats.url };
    expect(lines.all).toEqual([
      expect.objectContaining({ ...at, level: 30, msg: 'connected to NATS' }),
      expect.objectContaining({ ...at, level: 40, msg: expect.stringContaining('the connection to NATS is lost') }),
      expect.objectContaining({ ...at, level: 30, msg: 'connected to NATS again', awayMs: expect.any(Number) }),
    ]);
    expect(lines.all[2]?.awayMs).toBeGreaterThan(20);
  });

  test('closing during it takes no longer than closing does, and gives up what nobody takes', async () => {
    edge.deliveries.publish({ edge: 'a', kind: 'too-slow', viewing: 'v1' });
    await nats.kill();
    const fromMs = performance.now();
    await edge.close();
    expect(performance.now() - fromMs).toBeLessThan(3_000);
    expect(edge.isConnected).toBe(false);
  });
});
