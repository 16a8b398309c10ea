import { beforeEach, expect, test } from '@jest/globals';
import type { Bus } from '../../src/bus/bus.ts';
import { localBus } from '../../src/bus/local-bus.ts';
import { ProgramFeed } from '../../src/edge/program-feed.ts';
import type { SealedChunk } from '../../src/media/chunk.ts';

let bus: Bus;
let feed: ProgramFeed;
let passed: string[];

const chunk = (epoch: number, counter: number): SealedChunk => ({ epoch, counter, flags: 0, bytes: Buffer.alloc(10) });
const send = (epoch: number, counter: number) => bus.chunks.publish('news', chunk(epoch, counter));
const turn = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(async () => {
  bus = localBus();
  passed = [];
  feed = new ProgramFeed('news', bus, {
    chunk: ({ epoch, counter }) => passed.push(`${epoch}/${counter}`),
    broken: () => passed.push('broken'),
    mended: (chunks) => passed.push(`mended ${chunks.length}`),
  });
  await turn();
  passed = [];
});

test('what claims to be of an epoch far beyond what anybody has confirmed changes nothing', async () => {
  send(1, 0);
  feed.confirmed(1);
  send(4_000_000, 0);
  await turn();
  send(1, 1);
  send(2, 0);
  expect(passed).toEqual(['1/0', '1/1', '2/0']);
});

test('what was believed before anybody had confirmed an epoch is let go of once somebody has', async () => {
  send(4_000_000, 0);
  feed.confirmed(1);
  await turn();
  send(1, 0);
  expect(passed).toEqual(['4000000/0', 'broken', 'mended 0', '1/0']);
});

test('a program whose epochs begin anew is followed once nobody of before is there', async () => {
  feed.confirmed(900);
  send(900, 0);
  feed.left();
  feed.confirmed(1);
  await turn();
  send(1, 0);
  expect(passed.at(-1)).toBe('1/0');
});

test('what waits while chunks are fetched is bounded in bytes', async () => {
  const { promise, resolve } = Promise.withResolvers<readonly SealedChunk[]>();
  bus.chunks.catchUp = () => promise;
  send(1, 0);
  send(1, 5);
  for (let counter = 6; counter < 60; counter++) {
    const big = { ...chunk(1, counter), bytes: Buffer.alloc(1024 * 1024) };
    bus.chunks.publish('news', big);
  }
  resolve([]);
  await turn();
  const after = passed.filter((each) => /^1\/[1-9]/.test(each));
  expect(after.length).toBeLessThanOrEqual(17);
  expect(after.at(-1)).toBe('1/59');
});
