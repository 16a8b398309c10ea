import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AuthorityHost, RULES } from './authority-host.ts';
import { Studio, type StudioBroadcast, until } from './studio.ts';

let host: AuthorityHost;
let at: Studio;
let news: StudioBroadcast;

beforeEach(async () => {
  ({ host } = await AuthorityHost.start('news'));
  at = await Studio.open(host.url, 'studio', host.credential('studio', 'news'));
  news = at.broadcast('news', 'b1');
});

afterEach(async () => {
  news.stop();
  await at.keys.close();
  await host.stop();
});

const passed = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const confirmed = (epoch: number) => host.of('encryptor-confirmed').some((entry) => entry.epoch === epoch);
/** Epochs go on: another after the one that begins now. */
const goesOn = async (): Promise<void> => {
  const from = host.of('epoch-begun').length;
  await until(() => host.of('epoch-begun').length >= from + 2, `epochs go on after ${news.newest}`, 5 * RULES.periodMs);
};

test('a broadcaster that goes away and comes back does not stop its epochs, whenever that is', async () => {
  await until(() => host.of('epoch-begun').length > 0, 'it is live');
  // Off from the epoch's length, so that the moments walk through all of its phases.
  for (let afterMs = 0; afterMs < RULES.periodMs; afterMs += 37) {
    const { newest } = news;
    await until(() => news.newest > newest, 'an epoch began');
    await passed(afterMs);
    news.away();
    await passed(afterMs % 3 === 0 ? 0 : 30);
    news.back();
    await goesOn();
  }
  expect(host.of('broadcast-ended')).toEqual([]);
}, 60_000);

test.each([
  ['before its first epoch', () => true],
  ['while the next epoch has no key', () => news.newest === 1],
  ['once the next key is offered', () => news.offered.has(2)],
  ['once the next key is confirmed', () => confirmed(2)],
  ['as soon as the next epoch has begun', () => news.newest === 2],
])('one that goes away %s', async (_when, holds) => {
  await until(holds, 'the moment has come');
  news.away();
  await passed(2 * RULES.periodMs);
  news.back();
  await goesOn();
  const begun = host.of('epoch-begun').map(({ epoch }) => epoch);
  expect(begun).toEqual([...new Set(begun)].sort((a, b) => a - b));
});

test('the next epoch, whose key was confirmed, begins at its broadcaster’s return, not when it was planned to', async () => {
  let next = 2;
  const planned = async (): Promise<number> => {
    await until(() => confirmed(next), 'the next key is confirmed');
    return news.ripeMs.get(next) ?? 0;
  };
  let plannedMs = await planned();
  // On a machine that was busy elsewhere the moment may be over.
  for (; at.clock.nowMs() >= plannedMs - 20 && next < 20; next++, plannedMs = await planned())
    await until(() => news.newest >= next, 'that one began');
  news.away();
  news.back();
  await until(() => news.newest === next, 'it began');
  expect(news.began.at(-1)?.atMs).toBeLessThan(plannedMs);
  await until(() => host.of('epoch-begun').length === next, 'the ledger has it');
  const all = Array.from({ length: next }, (_, index) => index + 1);
  expect(host.of('epoch-begun').map(({ epoch }) => epoch)).toEqual(all);
  expect(host.of('encryptor-confirmed').map(({ epoch }) => epoch)).toEqual(all);
});

test('a return that is told on the next socket', async () => {
  await until(() => confirmed(2), 'the next key is confirmed');
  news.away();
  await until(() => host.of('media-paused').length === 1, 'the authority knows');
  await host.cut();
  news.back();
  await host.restore();
  await goesOn();
});
