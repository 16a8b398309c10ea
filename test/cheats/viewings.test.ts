import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { generateDeviceKeys } from '../../src/keys/device.ts';
import { signResume } from '../../src/keys/resume.ts';
import { Flag } from '../../src/media/chunk.ts';
import type { RawViewer } from '../e2e/raw-viewer.ts';
import { until } from '../e2e/relay-process.ts';
import { missing, newest, newestKey, picture, placeOf, SLACK_MS } from './picture.ts';
import { Show } from './show.ts';

let show: Show;

beforeAll(async () => {
  show = await Show.start();
}, 30_000);

afterAll(() => show.close());

const stop = async (viewer: RawViewer): Promise<void> => {
  viewer.say({ type: 'stop' });
  await until(() => viewer.last('ended'), 'stopped');
};

test.concurrent(
  'two devices on one token: the newer one ends the older, and each second of either is paid for',
  () =>
    show.beside(async (honest) => {
      const token = await show.token('sharer');
      const first = await show.watches('sharer', token);
      const second = await show.watches('sharer', token);
      expect(await until(() => first.last('ended'), 'the first one ended')).toMatchObject({ reason: 'superseded' });
      const [keys, chunks] = [first.keys.size, first.chunks.length];
      const epoch = newestKey(honest);
      await until(
        () => newestKey(second) > epoch && second.chunks.some((chunk) => chunk.epoch > epoch),
        'the second one goes on',
      );
      expect([first.keys.size, first.chunks.length]).toEqual([keys, chunks]);
      await stop(second);
      const { viewings } = (await show.bill('sharer')) ?? { viewings: [] };
      expect(viewings.map(({ endedBy }) => endedBy)).toEqual(['superseded', 'stopped']);
      const seenMs = [first, second].map((device) => picture(device).seenMs).reduce((sum, each) => sum + each);
      expect(seenMs - picture(first).freeMs).toBeLessThan((await show.billedMs('sharer')) + SLACK_MS);
    }),
  30_000,
);

test.concurrent(
  'a resume signed by another device, for another viewing or replayed gets nothing, and takes nothing away',
  () =>
    show.beside(async () => {
      const victim = await show.watches('victim');
      const thief = await show.watches('thief');
      const { viewing } = victim;

      /** Tries a resume of the victim's viewing on a new socket. */
      const refused = async (what: string, resume: (challenge: string) => Promise<string>) => {
        const socket = show.stranger();
        socket.device = thief.device;
        socket.say({ type: 'resume', viewing, jws: await resume(await socket.connect()) });
        await until(() => socket.closeCode, what);
        expect({ what, types: socket.messages.map(({ type }) => type) }).toEqual({ what, types: ['hello', 'error'] });
        expect(socket.last('error')).toMatchObject({ code: 'resume-invalid', fatal: true });
        expect(socket.keys.size).toBe(0);
      };
      await refused('by the thief', (challenge) => signResume({ viewing, challenge }, thief.device));
      await refused('by nobody known', async (challenge) => signResume({ viewing, challenge }, await generateDeviceKeys()));
      const other = thief.viewing;
      await refused('of the thief’s own viewing', (challenge) => signResume({ viewing: other, challenge }, thief.device));

      // The thief has recorded what the victim says to take its viewing up again.
      const recorded = Promise.withResolvers<string>();
      const { say } = victim;
      victim.say = (message) => {
        if ('jws' in message && 'viewing' in message) recorded.resolve(String(message.jws));
        say.call(victim, message);
      };
      victim.control.terminate();
      await victim.resume();
      await until(() => victim.last('viewing')?.resumed, 'the viewing was resumed');
      const { control } = victim;
      victim.closeCode = undefined;
      await refused('recorded', () => recorded.promise);
      const epoch = newestKey(victim);
      await until(() => newestKey(victim) > epoch, 'the victim’s next key');
      expect([control.readyState, victim.closeCode]).toEqual([control.OPEN, undefined]);

      await stop(victim);
      await refused('of a viewing that is over', () => recorded.promise);
      await stop(thief);
      expect((await show.bill('victim'))?.viewings).toHaveLength(1);
      const { seenMs, freeMs } = picture(victim);
      expect(missing(victim)).toBe(0);
      expect(Math.abs(seenMs - freeMs - (await show.billedMs('victim')))).toBeLessThan(SLACK_MS);
    }),
  30_000,
);

test.concurrent(
  'watching anew for each key, and never answering: a few keys without a chunk, then a wait',
  () =>
    show.beside(async () => {
      const refusals: string[] = [];
      const keys = new Map<number, Uint8Array>();
      for (let asked = 0; asked < 8; asked++) {
        const viewer = await show.asks('hoarder', { answers: false });
        const answer = await until(() => (viewer.keys.size > 0 ? 'a key' : viewer.last('error')?.code), 'an answer');
        if (answer !== 'a key') refusals.push(answer);
        for (const [epoch, key] of viewer.keys) keys.set(epoch, key);
        expect([viewer.last('ticket'), viewer.wire.length]).toEqual([undefined, 0]);
        viewer.close();
        await until(() => viewer.closeCode, 'closed');
        // By another name it is somebody else.
        if (asked === 7) await stop(await show.watches('hoarder-2'));
      }
      expect(refusals.length).toBeGreaterThanOrEqual(4);
      expect(new Set(refusals)).toEqual(new Set(['try-later']));
      // Three, of which the last may have come with the one after it.
      expect(keys.size).toBeLessThanOrEqual(4);
      expect(await show.bill('hoarder')).toBeUndefined();
    }),
  30_000,
);

test.concurrent(
  'watching anew for the catch-up: the first one is free, and there is no second for what was paid so far',
  () =>
    show.beside(async (honest) => {
      const viewers: RawViewer[] = [];
      for (let time = 0; time < 2; time++) {
        const before = newest(honest);
        const viewer = await show.watches('returner');
        if (time > 0) {
          const got = viewer.chunks.filter((chunk) => !(chunk.flags & Flag.preamble));
          expect(Math.min(...got.map(placeOf))).toBeGreaterThan(before);
        }
        const { epoch } = viewer.chunks[0] ?? { epoch: 0 };
        // Until it has paid for a whole epoch, the first time.
        await until(() => time > 0 || viewer.chunks.some((chunk) => chunk.epoch > epoch + 1), 'it has watched');
        // In the middle of an epoch, when there is most to be had of it.
        const { length } = honest.chunks;
        await until(() => honest.chunks.length > length && middle(honest), 'the middle of an epoch');
        await stop(viewer);
        viewers.push(viewer);
      }
      const [first, second] = viewers as [RawViewer, RawViewer];
      const seenMs = picture(first).seenMs + picture(second).seenMs - picture(first).freeMs;
      expect((await show.bill('returner'))?.viewings).toHaveLength(2);
      expect(seenMs).toBeLessThan((await show.billedMs('returner')) + SLACK_MS);
    }),
  30_000,
);

/** Whether a viewer has a good part of the epoch that is under way. */
function middle({ chunks }: RawViewer): boolean {
  const last = chunks.at(-1)?.epoch;
  return chunks.filter(({ epoch }) => epoch === last).length > 15;
}
