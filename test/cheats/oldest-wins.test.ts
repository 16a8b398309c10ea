import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '../e2e/relay-process.ts';
import { newestKey, picture, SLACK_MS } from './picture.ts';
import { PERIOD_MS, Show } from './show.ts';

let show: Show;

beforeAll(async () => {
  show = await Show.start({ whenAtLimit: 'oldest-wins' });
}, 30_000);

afterAll(() => show.close());

const refused = async (token: string): Promise<void> => {
  const viewer = await show.asks('-', { token });
  await until(() => viewer.closeCode, 'refused');
  expect(viewer.messages.map(({ type }) => type)).toEqual(['hello', 'error']);
  expect(viewer.last('error')).toMatchObject({
    code: 'viewing-limit',
    fatal: true,
    message: 'this viewer is watching news already; stop watching elsewhere, then try again',
  });
  expect([viewer.closeCode, viewer.keys.size, viewer.wire.length]).toEqual([4_409, 0, 0]);
};

test.concurrent(
  'two devices on one token: the second is refused while the first watches, and takes its place when that has stopped or is lost',
  () =>
    show.beside(async () => {
      const token = await show.token('sharer');
      const first = await show.watches('sharer', token);
      await refused(token);
      await refused(token);
      expect([first.last('error'), first.last('ended')]).toEqual([undefined, undefined]);
      first.say({ type: 'stop' });
      await until(() => first.last('ended'), 'stopped');

      const second = await show.watches('sharer', token);
      await refused(token);
      second.control.terminate();
      await until(() => second.closeCode, 'its socket is lost');
      const third = await until(() => show.watches('sharer', token), 'the third one watches');
      const [keys, chunks] = [second.keys.size, second.chunks.length];
      await second.resume();
      expect(await until(() => second.last('error'), 'refused')).toMatchObject({ code: 'resume-invalid', fatal: true });
      expect([second.keys.size, second.chunks.length]).toEqual([keys, chunks]);
      third.say({ type: 'stop' });
      await until(() => third.last('ended'), 'stopped');
      const { viewings } = (await show.bill('sharer')) ?? { viewings: [] };
      expect(viewings.map(({ endedBy }) => endedBy)).toEqual(['stopped', 'superseded', 'stopped']);
      const seenMs = [first, second, third].reduce((sum, each) => sum + picture(each).seenMs, -picture(first).freeMs);
      expect(seenMs).toBeLessThan((await show.billedMs('sharer')) + SLACK_MS);
    }),
  30_000,
);

test.concurrent(
  'a device that vanished without a word keeps its viewer out until the deadline of its receipt, and pays to the end of its last epoch',
  () =>
    show.beside(async () => {
      const ghost = await show.watches('ghost');
      const epoch = newestKey(ghost);
      const vanishedMs = Date.now();
      ghost.answers = () => false;
      await refused(await show.token('ghost'));
      await until(() => ghost.last('ended'), 'its viewing ended');
      // Two periods at the most; the rest is for a machine that has other things to do.
      expect(Date.now() - vanishedMs).toBeLessThan(2 * PERIOD_MS + 2_000);
      const again = await show.watches('ghost');
      again.say({ type: 'stop' });
      await until(() => again.last('ended'), 'stopped');
      const { viewings } = (await show.bill('ghost')) ?? { viewings: [] };
      expect(viewings.map(({ endedBy }) => endedBy)).toEqual(['unconfirmed', 'stopped']);
      expect(Math.max(...ghost.chunks.map((chunk) => chunk.epoch))).toBeLessThanOrEqual(epoch + 1);
    }),
  30_000,
);

test('after the relay was killed, a viewing is in nobody’s way: it is watched anew at once', async () => {
  const lost = await show.watches('survivor');
  await until(() => show.bill('survivor'), 'its start is in the ledger');
  await show.diesAndReturns();
  const back = show.stranger();
  back.device = lost.device;
  back.messages.push(...lost.messages.filter(({ type }) => type === 'viewing'));
  await back.resume();
  expect(await until(() => back.last('error'), 'refused')).toMatchObject({ code: 'resume-invalid' });
  const anew = await show.watches('survivor');
  await refused(await show.token('survivor'));
  anew.say({ type: 'stop' });
  await until(() => anew.last('ended'), 'stopped');
  const charges = (await show.relay.charges()).filter(({ viewer }) => viewer === 'survivor');
  expect(charges.flatMap(({ viewings }) => viewings.map(({ endedBy }) => endedBy)).sort()).toEqual(['interrupted', 'stopped']);
}, 30_000);
