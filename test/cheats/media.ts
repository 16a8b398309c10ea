import { EventEmitter, once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WebSocket } from 'ws';
import type { RawViewer } from '../e2e/raw-viewer.ts';
import { until } from '../e2e/relay-process.ts';
import { newestKey, picture, SLACK_MS } from './picture.ts';
import { firstKey, Show, type Viewers } from './show.ts';

/** What an attempt to open a media socket is answered with: 101 where it is let in. */
const statusOf = (socket: WebSocket): Promise<number | undefined> =>
  new Promise((resolve) => {
    socket.once('unexpected-response', (_, response) => resolve(response.statusCode));
    socket.once('open', () => resolve(101));
  });

/** The epochs of what came, preambles among them. */
const newestEpoch = ({ chunks }: RawViewer): number => Math.max(0, ...chunks.map(({ epoch }) => epoch));

/** What viewers try with media sockets and tickets. @param viewers of the relay's configuration */
export function mediaCheats(viewers: Viewers): void {
  let show: Show;

  beforeAll(async () => {
    show = await Show.start(viewers);
  }, 30_000);

  afterAll(() => show.close());

  const statusesOf = (urls: readonly string[]): Promise<(number | undefined)[]> =>
    Promise.all(urls.map((url) => statusOf(show.stranger().openMedia(url))));

  test.concurrent(
    'a media ticket that is shared lets in one socket, once, for its own program: whoever it is, one is served and one pays',
    () =>
      show.beside(async () => {
        const owner = await show.asks('owner');
        owner.openMedia = () => new EventEmitter() as WebSocket;
        const { url } = await until(() => owner.last('ticket'), 'a ticket');
        expect(await statusesOf([url.replace('/news/', '/sport/')])).toEqual([401]);
        const friend = show.stranger();
        expect(await statusOf(friend.openMedia(url))).toBe(101);
        expect(await statusesOf([url, url.replace(/ticket=.*/, 'ticket=x'), url.replace(/\?.*/, '')])).toEqual([401, 401, 401]);
        await until(() => friend.chunks.length > 5, 'the friend is sent chunks');
        // It cannot open them, unless it is given the keys as well.
        expect(picture(friend).seenMs).toBe(0);
        const { media } = friend;
        owner.say({ type: 'ticket' });
        const closed = once(media as WebSocket, 'close');
        await until(() => owner.last('ticket')?.url !== url, 'another ticket');
        expect((await closed)[0]).toBe(1_000);
        const { length } = friend.chunks;
        expect(await statusesOf([url])).toEqual([401]);
        owner.say({ type: 'stop' });
        await until(() => owner.last('ended'), 'stopped');
        const last = owner.last('ticket')?.url ?? '';
        expect(await statusesOf([last])).toEqual([401]);
        expect([friend.chunks.length, owner.chunks.length]).toEqual([length, 0]);
        expect((await show.bill('owner'))?.viewings).toHaveLength(1);
        const { seenMs, freeMs } = picture(friend, owner);
        expect(seenMs).toBeGreaterThan(0);
        expect(seenMs - freeMs).toBeLessThan((await show.billedMs('owner')) + SLACK_MS);
      }),
    30_000,
  );

  test.concurrent(
    'the gate cannot be passed before the first receipt: no ticket, no socket, no chunk',
    () =>
      show.beside(async (honest) => {
        const viewer = await show.asks('gatecrasher', { answers: false });
        await firstKey(viewer);
        const media = (honest.last('ticket')?.url ?? '').replace(/\?.*/, '');
        expect(await statusesOf([media, `${media}?ticket=x`, `${media}?ticket=${viewer.viewing}`])).toEqual([401, 401, 401]);
        viewer.say({ type: 'ticket' });
        expect(await until(() => viewer.last('error'), 'refused')).toMatchObject({ code: 'bad-state', fatal: true });
        expect([viewer.last('ticket'), viewer.last('confirmed')]).toEqual([undefined, undefined]);
        expect(await show.bill('gatecrasher')).toBeUndefined();
      }),
    30_000,
  );

  test.concurrent(
    'the gate of an epoch without a receipt stays shut to sockets that are open, and to any that a new ticket opens',
    () =>
      show.beside(async (honest) => {
        const viewer = await show.watches('squatter');
        const epoch = newestKey(viewer);
        viewer.answers = (next) => next <= epoch;
        await until(() => newestKey(viewer) > epoch, 'the next key');
        const tickets = () => viewer.messages.filter(({ type }) => type === 'ticket').length;
        for (let asked = 0; asked < 3 && viewer.last('ended') === undefined; asked++) {
          const before = tickets();
          viewer.say({ type: 'ticket' });
          await until(() => tickets() > before || viewer.last('ended'), 'another ticket');
          await until(() => newestEpoch(honest) > epoch, 'its epoch is under way');
        }
        expect(tickets()).toBeGreaterThan(1);
        expect(await until(() => viewer.last('ended'), 'the viewing ended')).toMatchObject({ reason: 'unconfirmed' });
        expect([newestKey(viewer), newestEpoch(viewer)]).toEqual([epoch + 1, epoch]);
        const { seenMs, freeMs } = picture(viewer);
        expect(seenMs - freeMs).toBeLessThan((await show.billedMs('squatter')) + SLACK_MS);
      }),
    30_000,
  );

  test.concurrent(
    'a media socket does not outlive the viewing that was stopped on the control socket',
    () =>
      show.beside(async (honest) => {
        const viewer = await show.watches('stopper');
        await until(() => picture(viewer).seenMs > 2_000, 'it has watched for a while');
        const closed = once(viewer.media as WebSocket, 'close');
        viewer.say({ type: 'stop' });
        const { usage } = await until(() => viewer.last('ended'), 'stopped');
        expect((await closed)[0]).toBe(1_000);
        const [keys, chunks] = [viewer.keys.size, viewer.chunks.length];
        const epoch = newestEpoch(honest);
        await until(() => newestEpoch(honest) > epoch, 'another epoch began');
        expect([viewer.keys.size, viewer.chunks.length]).toEqual([keys, chunks]);
        expect(await show.billedMs('stopper')).toBe(usage.billableMs);
        const { seenMs, freeMs } = picture(viewer);
        expect(seenMs - freeMs).toBeLessThan(usage.billableMs + SLACK_MS);
      }),
    30_000,
  );

  test.concurrent(
    'a media socket that goes on without its control socket brings what is confirmed, which is paid for, and then nothing',
    () =>
      show.beside(async () => {
        const viewer = await show.watches('mute');
        const confirmed = () => viewer.last('confirmed')?.epoch ?? 0;
        await until(() => confirmed() > newestEpoch(viewer), 'an epoch is confirmed ahead');
        viewer.control.terminate();
        await until(() => viewer.closeCode, 'closed');
        const epoch = newestKey(viewer);
        const sent = viewer.chunks.length;
        const [code] = await once(viewer.media as WebSocket, 'close');
        expect(code).toBe(1_000);
        expect(viewer.chunks.length).toBeGreaterThan(sent);
        expect([newestKey(viewer), newestEpoch(viewer)]).toEqual([epoch, confirmed()]);
        const bill = await until(() => show.bill('mute'), 'its end is in the ledger');
        expect(bill).toMatchObject({ endedBy: 'disconnected', viewings: [{}] });
        const { seenMs, freeMs } = picture(viewer);
        expect(Math.abs(seenMs - freeMs - (await show.billedMs('mute')))).toBeLessThan(SLACK_MS);
      }),
    30_000,
  );
}
