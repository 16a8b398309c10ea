import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { natsServer } from '../e2e/programs.ts';
import { Received } from './received.ts';
import { busOf, chunkOf } from './roles.ts';
import { SharedNats } from './shared-nats.ts';

(natsServer === undefined ? describe.skip : describe)('a stolen credential', () => {
  const nats = new SharedNats();

  test.each([
    ['edge-a', 'tollcast.chunks.news', 'a chunk'],
    ['edge-a', 'tollcast.gates.a', 'a gate of its own'],
    ['edge-a', 'tollcast.gates.b', 'a gate of another edge'],
    ['edge-a', 'tollcast.edges.b', 'an announcement of another edge'],
    ['edge-a', 'tollcast.deliveries.b', 'what another edge served'],
    ['edge-a', 'tollcast.snapshot.b', 'a question for the gates of another edge'],
    ['edge-a', 'tollcast.catchup.news.b', 'a question for chunks in the name of another edge'],
    ['edge-a', '_INBOX_edge_b.x', 'an answer to another edge'],
    ['encryptor-studio', 'tollcast.chunks.sport', 'a chunk of a program that is not its own'],
    ['encryptor-studio', 'tollcast.gates.a', 'a gate'],
    ['encryptor-studio', 'tollcast.deliveries.a', 'what an edge served'],
    ['encryptor-studio', '_INBOX_edge_a.x', 'an answer that nobody asked for'],
    ['authority', 'tollcast.chunks.news', 'a chunk'],
    ['authority', 'tollcast.edges.a', 'an announcement'],
    ['authority', '$SYS.REQ.USER.INFO', 'a question to the server'],
  ])('of %s cannot publish %s: %s', async (credential, subject) => {
    const connection = await nats.thief(credential);
    const denied = deniedTo(connection);
    connection.publish(subject, 'x');
    expect(await denied).toEqual(['publish', subject]);
  });

  test.each([
    ['edge-a', 'tollcast.gates.b'],
    ['edge-a', 'tollcast.gates.*'],
    ['edge-a', 'tollcast.deliveries.a'],
    ['edge-a', 'tollcast.snapshot.a'],
    ['edge-a', '_INBOX_edge_b.>'],
    ['edge-a', '_INBOX.>'],
    ['edge-a', '>'],
    ['encryptor-studio', 'tollcast.gates.a'],
    ['encryptor-studio', 'tollcast.chunks.news'],
    ['encryptor-studio', 'tollcast.catchup.sport.a'],
    ['encryptor-studio', 'tollcast.>'],
    ['authority', 'tollcast.chunks.news'],
    ['authority', '_INBOX_edge_a.>'],
    ['authority', '>'],
  ])('of %s cannot listen to %s', async (credential, subject) => {
    const connection = await nats.thief(credential);
    const denied = deniedTo(connection);
    connection.subscribe(subject, { callback: () => undefined });
    expect(await denied).toEqual(['subscription', subject]);
  });

  test('of an edge cannot have the authority or an encryptor answer to where it may not write itself', async () => {
    const [authority, encryptor, edge] = [
      await nats.bus('authority'),
      await nats.bus('encryptor-studio'),
      await nats.bus('edge-b'),
    ];
    authority.gates.serveSnapshots(() => [{ kind: 'close', program: 'news', viewing: 'v1' }]);
    authority.deliveries.subscribe(() => undefined);
    encryptor.chunks.serveCatchUp('news', () => [chunkOf(1, 0)]);
    const snapshots = new Received<unknown>();
    edge.gates.subscribe('b', { change: () => undefined, snapshot: snapshots.add });
    await snapshots.count(1);
    while ((await edge.chunks.catchUp('news')).length === 0);

    const victim = new Received<string>();
    (await nats.thief('edge-b')).subscribe('tollcast.gates.b', { callback: (_, message) => victim.add(message.string()) });
    (await nats.thief('edge-b')).subscribe('_INBOX_edge_b.>', { callback: (_, message) => victim.add(message.string()) });
    const connection = await nats.thief('edge-a');
    for (const reply of ['tollcast.gates.b', '_INBOX_edge_b.x']) connection.publish('tollcast.snapshot.a', '', { reply });
    connection.publish('tollcast.deliveries.a', JSON.stringify({ boot: 'x', first: 0, deliveries: [] }), {
      reply: 'tollcast.gates.b',
    });
    connection.publish('tollcast.catchup.news.a', '', { reply: 'tollcast.chunks.news' });
    await connection.flush();
    // Each of its questions comes before this one; a beat comes after them all.
    await nats.bus('edge-a').then(async (edgeA) => {
      while ((await edgeA.chunks.catchUp('news')).length === 0);
    });
    const seen = victim.all.length;
    await victim.count(seen + 2);
    expect(victim.all.filter((text) => !('seq' in JSON.parse(text)))).toEqual([]);
    expect(victim.all.filter((text) => 'changes' in JSON.parse(text))).toEqual([]);
    expect(authority.counters.unsent).toBe(3);
    expect(encryptor.counters.unsent).toBe(1);
  });

  test('that is revoked is cut off when the server reloads, and does not come back; the others stay', async () => {
    const other = await nats.bus('edge-a');
    const revoked = await nats.bus('edge-b');
    const stolen = await nats.thief('edge-b');
    const cut = stolen.closed();
    const seed = nats.server.seedFile('edge-b');
    copyFileSync(seed, `${seed}.stolen`);
    nats.server.change({ add: [], revoke: ['edge-b'] });
    await nats.server.reload();
    await cut;
    while (revoked.isConnected) await other.chunks.catchUp('news');
    copyFileSync(`${seed}.stolen`, seed);
    await expect(busOf(nats.server, 'edge-b')).rejects.toMatchObject({ code: 'nats-refused' });
    expect(revoked.counters.reconnections).toBe(0);
    expect(other.isConnected).toBe(true);
    expect(other.counters.reconnections).toBe(0);
  });

  test('that the server does not know for a while is let in again when it does', async () => {
    const confFile = join(nats.server.folder, 'nats.conf');
    const conf = readFileSync(confFile);
    const [edge, other] = [await nats.bus('edge-a'), await nats.bus('authority')];
    other.gates.serveSnapshots(() => []);
    nats.server.change({ add: [], revoke: ['edge-a'] });
    await nats.server.reload();
    for (let refusals = 0; refusals < 4; refusals++) await nats.server.logs('authentication error');
    expect(edge.isConnected).toBe(false);
    writeFileSync(confFile, conf);
    await nats.server.reload();
    const snapshots = new Received<unknown>();
    edge.gates.subscribe('a', { change: () => undefined, snapshot: snapshots.add });
    await snapshots.count(1);
    expect(edge.counters.reconnections).toBe(1);
  });
});

async function deniedTo(connection: NatsConnection): Promise<readonly [string, string]> {
  for await (const status of connection.status()) {
    if (status.type === 'error' && 'operation' in status.error && 'subject' in status.error)
      return [String(status.error.operation), String(status.error.subject)];
  }
  throw new Error('the connection ended without a word');
}
