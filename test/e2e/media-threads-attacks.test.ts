import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { picture, SLACK_MS } from '../cheats/picture.ts';
import { MediaThreadsSite } from './media-threads-site.ts';
import type { RawViewer } from './raw-viewer.ts';
import { tollcast, until } from './relay-process.ts';

/** What a thread that dies had not reported yet is not billed: it reports every 2 s. */
const UNREPORTED_MS = 2_000;

let site: MediaThreadsSite;

beforeEach(() => {
  site = new MediaThreadsSite();
});

afterEach(() => site.close());

/** Another ticket of a viewing, which opens no socket by itself any more. */
async function nextTicket(viewer: RawViewer): Promise<string> {
  viewer.opensMedia = false;
  const tickets = () => viewer.messages.filter(({ type }) => type === 'ticket').length;
  const before = tickets();
  viewer.say({ type: 'ticket' });
  await until(() => tickets() > before, 'another ticket');
  return viewer.last('ticket')?.url ?? '';
}

const isOver = ({ readyState }: WebSocket) => readyState === WebSocket.CLOSED;

const stopped = async (viewer: RawViewer) => {
  viewer.say({ type: 'stop' });
  return until(() => viewer.last('ended'), 'stopped');
};

test('of 200 sockets that come with one ticket at once to three threads, one is let in, and no chunk comes twice', async () => {
  await site.start(3);
  const viewer = await site.watch('alice');
  const first = viewer.media;
  const url = await nextTicket(viewer);
  await until(() => first?.readyState === WebSocket.CLOSED, 'the socket before is void');
  const before = viewer.chunks.length;
  const answers = await Promise.all(
    Array.from({ length: 200 }, () => {
      const socket = viewer.openMedia(url);
      return Promise.race([
        once(socket, 'message').then(() => 'chunks'),
        once(socket, 'unexpected-response').then(([, response]) => response.statusCode),
        once(socket, 'close').then(([code]) => code),
      ]);
    }),
  );
  expect(answers.filter((answer) => answer === 'chunks')).toHaveLength(1);
  expect(answers.filter((answer) => answer === 401 || answer === 1008)).toHaveLength(199);
  await until(() => viewer.chunks.length > before + 50, 'alice watches on');
  const places = viewer.chunks.slice(before).map(({ epoch, counter }) => `${epoch} ${counter}`);
  expect(new Set(places).size).toBe(places.length);
  await stopped(viewer);
  expect((await site.relay.charges()).map(({ viewings }) => viewings.length)).toEqual([1]);
}, 60_000);

test('sockets that close while their ticket is claimed leave nothing behind: the next ticket is good at once', async () => {
  await site.start(2);
  const viewer = await site.watch('alice');
  for (let turn = 0; turn < 20; turn++) {
    const url = await nextTicket(viewer);
    const sockets = Array.from({ length: 10 }, () => viewer.openMedia(url));
    // Some before they are connected, some while they wait, some once they are in.
    await new Promise((resolve) => setTimeout(resolve, turn));
    for (const socket of sockets) socket.terminate();
    await until(() => sockets.every(isOver), 'they are closed');
  }
  const socket = viewer.openMedia(await nextTicket(viewer));
  await once(socket, 'message');
  const { usage } = await stopped(viewer);
  await until(() => isOver(socket), 'its socket is closed');
  expect(await site.relay.charges()).toMatchObject([{ viewings: [{ billableMs: usage.billableMs }] }]);
  const nothing = async (name: string) => (await site.metric(name)) === 0;
  await until(() => nothing('tollcast_edge_viewings'), 'no viewing is left');
  await until(() => nothing('tollcast_media_tickets'), 'no ticket is left');
}, 60_000);

test('a viewing whose thread hangs goes on in another one, and is billed for no more than it saw', async () => {
  await site.start(2, 'hangs');
  const viewers = await Promise.all(Array.from({ length: 8 }, (_, at) => site.watch(`viewer-${at}`)));
  await until(() => viewers.every((viewer) => picture(viewer).seenMs > 4_000), 'four seconds of it');
  site.hit();
  // As the client does it: whoever has no picture asks for another ticket, and again.
  const counts = viewers.map(({ chunks }) => chunks.length);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const hit = viewers.filter(({ chunks }, at) => chunks.length < (counts[at] ?? 0) + 10);
  expect(hit.length).toBeGreaterThan(0);
  const hitAt = hit.map(({ chunks }) => chunks.length);
  while (hit.some(({ chunks }, at) => chunks.length < (hitAt[at] ?? 0) + 100)) {
    for (const [at, viewer] of hit.entries()) if (viewer.chunks.length === hitAt[at]) viewer.say({ type: 'ticket' });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  for (const viewer of viewers) {
    const { usage } = await stopped(viewer);
    const { seenMs, freeMs } = picture(viewer);
    expect(usage.billableMs).toBeLessThan(seenMs - freeMs + SLACK_MS);
    expect(usage.billableMs).toBeGreaterThan(seenMs - freeMs - SLACK_MS - UNREPORTED_MS);
  }
  expect(await tollcast('ledger', 'verify', '--data', site.relay.data)).toMatchObject({ code: 0 });
}, 90_000);

test('a relay one of whose threads hangs ends in order, 0 within 5 s, with every viewing in the ledger', async () => {
  await site.start(2, 'hangs');
  const viewers = await Promise.all(Array.from({ length: 6 }, (_, at) => site.watch(`viewer-${at}`)));
  site.hit();
  const fromMs = Date.now();
  expect(await site.relay.stop()).toBe(0);
  expect(Date.now() - fromMs).toBeLessThan(5_000);
  expect(site.relay.log).toContain('a media thread does not answer');
  for (const viewer of viewers) expect(viewer.last('ended')).toMatchObject({ reason: 'shutdown' });
  expect((await site.relay.charges()).map(({ endedBy }) => endedBy)).toEqual(viewers.map(() => 'shutdown'));
}, 60_000);
