import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { NatsBus } from '../../src/bus/nats-bus.ts';
import type { NatsRole } from '../../src/bus/nats-connect.ts';
import { busRole } from '../../src/roles/bus-role.ts';
import { running } from '../../src/roles/host.ts';
import { natsServer } from '../e2e/programs.ts';
import { type LogLine, logTo } from './log-lines.ts';
import { TestNats } from './nats-server.ts';
import { Received } from './received.ts';
import { busOf, chunkOf, GRANTS } from './roles.ts';

const AUTHORITY: NatsRole = { kind: 'authority' };
const ENCRYPTOR: NatsRole = { kind: 'encryptor' };
const EDGE: NatsRole = { kind: 'edge', edge: 'a' };

(natsServer === undefined ? describe.skip : describe)('what NATS does not allow a role', () => {
  let nats: TestNats;
  let lines: Received<LogLine>;
  const buses: NatsBus[] = [];

  beforeEach(async () => {
    nats = await TestNats.start(GRANTS);
    lines = new Received();
  });
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
    await nats.remove();
  });

  const opened = async (...args: Parameters<typeof busOf>): Promise<NatsBus> => {
    const bus = await busOf(...args);
    buses.push(bus);
    return bus;
  };
  const conf = () => join(nats.folder, 'nats.conf');
  /** The server goes on with another configuration. */
  const reloaded = async (text: string) => {
    writeFileSync(conf(), text);
    await nats.reload();
  };

  test.each([
    ['authority', 'edge-a', AUTHORITY, 'publish to tollcast.gates.*'],
    ['authority', 'encryptor-studio', AUTHORITY, 'publish to tollcast.gates.*'],
    ['edge a', 'edge-b', EDGE, 'tollcast.edges.a'],
    ['edge a', 'authority', EDGE, 'tollcast.edges.a'],
    ['encryptor', 'edge-a', ENCRYPTOR, 'publish to tollcast.chunks.*'],
    ['encryptor', 'authority', ENCRYPTOR, 'publish to tollcast.chunks.*'],
  ])('ends the start of %s with the seed of %s, in a line that says what to do', async (_, credential, role, denied) => {
    const fault = await opened(nats, credential, { role }).catch((error) => error);
    expect(fault).toMatchObject({ code: 'nats-refused' });
    expect(fault.message).toContain(denied);
    expect(fault.message).toContain(nats.seedFile(credential));
    expect(fault.message).toContain(`nats.seedFiles.${role.kind}`);
    expect(fault.message).not.toContain('\n');
  });

  test('is not looked for where the server has no permissions, nor where an encryptor is for some programs', async () => {
    nats.letAll();
    await nats.reload();
    for (const credential of ['authority', 'encryptor-studio', 'edge-a']) await opened(nats, credential);
  });

  test('of a probe, the others hear nothing', async () => {
    const authority = await opened(nats, 'authority', { log: logTo(lines) });
    const edges = new Received<unknown>();
    authority.edges.subscribe(edges.add);
    authority.deliveries.subscribe(() => undefined);
    authority.gates.serveSnapshots(() => []);
    const edge = await opened(nats, 'edge-a');
    edge.edges.publish({ edge: 'a', url: 'http://a', viewings: 0, leaving: false });
    await edges.count(1);
    expect(authority.counters).toMatchObject({ unreadable: 0, unsent: 0, denied: 0, snapshots: 0 });
    expect(lines.all.filter(({ level }) => level > 30)).toEqual([]);
  });

  test('and is taken away later shows in readiness and in one line, until it is given back', async () => {
    const config = { servers: [nats.url], seedFiles: { encryptor: nats.seedFile('encryptor-studio') } };
    const { bus, host, close } = await running(logTo(lines), async (host) => ({
      host,
      bus: await busRole(host, config, ENCRYPTOR),
    }));
    buses.push({ close } as NatsBus);
    expect(host.notReady()).toBeUndefined();
    const before = readFileSync(conf(), 'utf8');
    await reloaded(before.replaceAll('tollcast.chunks.news', 'tollcast.chunks.sport'));
    for (let counter = 0; counter < 20 || host.notReady() === undefined; counter++) {
      bus.chunks.publish('news', chunkOf(1, counter));
      await new Promise(setImmediate);
    }
    expect(host.notReady()).toBe('NATS does not let the encryptor publish to tollcast.chunks.news');
    await lines.until((all) => all.some(({ msg }) => msg.includes('does not let')));

    await reloaded(before);
    await lines.until((all) => all.some(({ msg }) => msg.includes('lets this role')));
    expect(host.notReady()).toBeUndefined();
    expect(lines.all.filter(({ level }) => level >= 50).map(({ msg }) => msg)).toEqual([
      'NATS does not let this role publish to tollcast.chunks.news: see tollcast credentials nats',
    ]);
  }, 15_000);

  test('to listen to is listened to again once it is allowed', async () => {
    const encryptor = await opened(nats, 'encryptor-studio');
    const edge = await opened(nats, 'edge-a', { log: logTo(lines) });
    const listeners = [new Received<unknown>(), new Received<unknown>()];
    for (const { add } of listeners) edge.chunks.subscribe('news', { chunk: add, lost: () => undefined });
    const before = readFileSync(conf(), 'utf8');
    await reloaded(before.replaceAll('tollcast.chunks.*', 'tollcast.chunks.other'));
    await lines.until((all) => all.some(({ msg }) => msg.includes('subscribe to tollcast.chunks.news')));
    expect(edge.denied).toBe('subscribe to tollcast.chunks.news');
    await reloaded(before);
    await lines.until((all) => all.some(({ msg }) => msg === 'NATS lets this role subscribe to tollcast.chunks.news again'));
    expect(edge.denied).toBeUndefined();
    encryptor.chunks.publish('news', chunkOf(1, 0));
    for (const listener of listeners) await listener.count(1);
    await edge.chunks.catchUp('news');
    expect(listeners.map(({ all }) => all.length)).toEqual([1, 1]);
  }, 20_000);
});
