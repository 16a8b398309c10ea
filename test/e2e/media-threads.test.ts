import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ViewerClient } from '../../src/viewer/viewer-client.ts';
import { missing, picture, SLACK_MS } from '../cheats/picture.ts';
import { freePort } from './free-port.ts';
import { type Fate, MediaThreadsSite, PROGRAM } from './media-threads-site.ts';
import type { RawViewer } from './raw-viewer.ts';
import { RelayProcess, Scratch, tollcast, until } from './relay-process.ts';

const VIEWERS = 30;
const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };

/** Its chunks come in the order of their counters, and none twice. */
function expectInOrder({ chunks }: RawViewer): void {
  for (const [at, { epoch, counter }] of chunks.entries()) {
    const before = chunks[at - 1];
    if (before === undefined || before.epoch < epoch) continue;
    expect({ epoch, counter, before }).toMatchObject({ before: { epoch } });
    expect(counter).toBeGreaterThan(before.counter);
  }
}

const stopped = async (viewer: RawViewer) => {
  viewer.say({ type: 'stop' });
  return until(() => viewer.last('ended'), 'stopped');
};

describe('media threads', () => {
  let site: MediaThreadsSite;

  beforeEach(() => {
    site = new MediaThreadsSite();
  });

  afterEach(() => site.close());

  test('two carry 30 viewers between them: all chunks to each, in order, for what it is billed', async () => {
    await site.start(2);
    const viewers: RawViewer[] = [];
    for (let at = 0; at < VIEWERS; at++) viewers.push(await site.watch(`viewer-${at}`));
    const [epoch = 0] = [...(viewers.at(-1)?.keys.keys() ?? [])];
    await until(() => viewers.every(({ chunks }) => chunks.some((chunk) => chunk.epoch > epoch + 1)), 'two epochs on');
    await until(() => site.sockets.reduce((sum, each) => sum + each, 0) === VIEWERS, 'all sockets are reported');
    expect(site.sockets).toHaveLength(2);
    for (const sockets of site.sockets) expect(sockets).toBeGreaterThan(3);
    expect(await site.metric('tollcast_edge_viewings')).toBe(VIEWERS);
    expect(await site.metric('tollcast_sockets')).toBe(2 * VIEWERS);
    expect(await site.metric('tollcast_edges')).toBe(1);
    expect(await site.metric('tollcast_media_sent_bytes_total')).toBeGreaterThan(0);
    const ends = await Promise.all(viewers.map(stopped));
    for (const viewer of viewers) {
      expectInOrder(viewer);
      expect(missing(viewer)).toBe(0);
      for (const chunk of viewer.chunks) expect(viewer.open(chunk).length).toBeGreaterThan(0);
    }
    const charges = new Map((await site.relay.charges()).map((charge) => [charge.viewer, charge]));
    expect(charges.size).toBe(VIEWERS);
    for (const [at, { usage }] of ends.entries())
      expect(charges.get(`viewer-${at}`)).toMatchObject({ amount: usage.amount, viewings: [{ billableMs: usage.billableMs }] });
    // Nothing is left of them.
    await until(async () => (await site.metric('tollcast_edge_viewings')) === 0, 'no viewing is left');
  }, 90_000);

  test.each([0, 2])(
    '%i: a viewer is billed for what it saw',
    async (threads) => {
      await site.start(threads);
      const viewer = await site.watch('alice');
      await until(() => picture(viewer).seenMs > 6_000, 'six seconds of it');
      const { usage } = await stopped(viewer);
      const { seenMs, freeMs } = picture(viewer);
      expect(missing(viewer)).toBe(0);
      expect(Math.abs(seenMs - freeMs - usage.billableMs)).toBeLessThan(SLACK_MS);
      expect(await site.relay.charges()).toMatchObject([{ viewings: [{ billableMs: usage.billableMs }] }]);
    },
    60_000,
  );

  test('nobody gets a chunk after a stop or a revocation, and a ticket that is shared is good once', async () => {
    await site.start(2);
    const [alice, bob, carol] = [await site.watch('alice'), await site.watch('bob'), await site.watch('carol')];
    await stopped(alice);
    const { stdout: operator } = await tollcast('token', 'operator', '--data', site.relay.data);
    const headers = { authorization: `Bearer ${operator.trim()}` };
    await fetch(`${site.relay.httpUrl}/v1/viewings/${bob.viewing}`, { method: 'DELETE', headers });
    expect(await until(() => bob.last('ended'), 'revoked')).toMatchObject({ reason: 'revoked' });
    await until(() => [alice, bob].every(({ media }) => media?.readyState === WebSocket.CLOSED), 'sockets are closed');
    const before = [alice.chunks.length, bob.chunks.length];

    carol.opensMedia = false;
    const tickets = carol.messages.filter(({ type }) => type === 'ticket').length;
    const first = carol.media;
    carol.say({ type: 'ticket' });
    await until(() => carol.messages.filter(({ type }) => type === 'ticket').length > tickets, 'another ticket');
    await until(() => first?.readyState === WebSocket.CLOSED, 'the socket before is void');
    const url = carol.last('ticket')?.url ?? '';
    const sockets = Array.from({ length: 12 }, () => carol.openMedia(url));
    const answers = await Promise.all(
      sockets.map((socket) =>
        Promise.race([
          once(socket, 'open').then(
            () => once(socket, 'message').then(() => 'chunks'),
            () => 'refused',
          ),
          once(socket, 'unexpected-response').then(([, response]) => `refused ${response.statusCode}`),
          once(socket, 'close').then(([code]) => `closed ${code}`),
        ]),
      ),
    );
    expect(answers.filter((answer) => answer === 'chunks')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'refused 401' || answer === 'closed 1008')).toHaveLength(11);
    await until(() => carol.chunks.length > 50, 'carol watches on');
    expect([alice.chunks.length, bob.chunks.length]).toEqual(before);
    await stopped(carol);
    expect((await site.relay.charges()).map(({ viewings }) => viewings.length)).toEqual([1, 1, 1]);
  }, 60_000);

  test.each<Fate>(['throws', 'exits', 'hangs'])(
    'one that %s is said and started again; its viewers are back by themselves, in the same viewings',
    async (fate) => {
      await site.start(2, fate);
      const viewers = await Promise.all(
        Array.from({ length: 12 }, async (_, at) => {
          const base = site.relay.httpUrl;
          const [viewings, media] = [new Set<string>(), { ms: 0 }];
          const observer = {
            admitted: ({ viewing }: { viewing: string }) => viewings.add(viewing),
            media: () => {
              media.ms = Date.now();
            },
          };
          const token = await site.token(`viewer-${at}`);
          const client = ViewerClient.start({ base, token, program: PROGRAM, tariff: TARIFF, observer });
          await until(() => media.ms > 0, 'a picture');
          return { client, viewings, media };
        }),
      );
      await until(() => site.sockets.reduce((sum, each) => sum + each, 0) === 12, 'all sockets are reported');
      const [hit = 0] = site.sockets;
      expect(hit).toBeGreaterThan(0);
      site.hit();
      await until(() => site.relay.log.includes('a media thread has died'), 'it is said');
      const diedMs = Date.now();
      await until(() => viewers.every(({ media }) => media.ms > diedMs + 1_000), 'everybody has a picture again');
      await until(async () => (await fetch(`${site.relay.httpUrl}/readyz`)).status === 200, 'ready again');
      await until(() => site.sockets.length === 2 && site.sockets.reduce((sum, each) => sum + each, 0) === 12, 'all are back');
      expect(await site.metric('tollcast_edge_viewings')).toBe(12);
      for (const { viewings } of viewers) expect(viewings.size).toBe(1);
      expect(site.relay.log.match(/a media thread has died/g)).toHaveLength(1);
      await Promise.all(viewers.map(({ client }) => client.stop()));
      const charges = await site.relay.charges();
      expect(charges.map(({ endedBy, viewings }) => [endedBy, viewings.length])).toEqual(charges.map(() => ['stopped', 1]));
      expect(charges).toHaveLength(12);
      expect(await tollcast('ledger', 'verify', '--data', site.relay.data)).toMatchObject({ code: 0 });
    },
    90_000,
  );

  test('end in order: viewings in the ledger, viewers told, 0 within 5 s', async () => {
    await site.start(2);
    const viewers = [await site.watch('alice'), await site.watch('bob')];
    const fromMs = Date.now();
    expect(await site.relay.stop()).toBe(0);
    expect(Date.now() - fromMs).toBeLessThan(5_000);
    for (const viewer of viewers) expect(viewer.last('ended')).toMatchObject({ reason: 'shutdown' });
    expect((await site.relay.charges()).map(({ endedBy }) => endedBy)).toEqual(['shutdown', 'shutdown']);
  }, 60_000);
});

test('a media port that something else has, though it would share it, keeps the relay from starting, and the setting is named', async () => {
  using scratch = new Scratch();
  const mediaPort = await freePort();
  const other = createServer().listen({ port: mediaPort, host: '127.0.0.1', reusePort: true });
  await once(other, 'listening');
  const starts = RelayProcess.start(scratch, { viewers: { mediaThreads: 1, mediaPort } });
  await expect(starts).rejects.toThrow(
    new RegExp(`HTTP port ${mediaPort} on 127.0.0.1 is in use: free it, or choose another with viewers.mediaPort`),
  );
  other.close();
});
