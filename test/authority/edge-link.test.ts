import { beforeEach, expect, test } from '@jest/globals';
import { EdgeLink } from '../../src/authority/edge-link.ts';
import type { GateChange } from '../../src/bus/bus.ts';
import { FakeTime } from '../media/fake-time.ts';

let time: FakeTime;
let told: { edge: string; change: GateChange }[];
let closed: (number | undefined)[];
let link: EdgeLink;

beforeEach(() => {
  time = new FakeTime();
  told = [];
  closed = [];
  link = new EdgeLink(
    { program: 'news', viewing: 'v1' },
    {
      clock: time,
      timers: time,
      gate: (edge, change) => told.push({ edge, change }),
      tooSlow: () => undefined,
      closed: (lastChunkMs) => closed.push(lastChunkMs),
    },
  );
});

const gates = () =>
  told.map(({ edge, change }) => [edge, change.kind, ...(change.kind === 'open' ? [change.epoch, change.catchUp] : [])]);

test('an edge that comes late is told what is open, with what was granted', () => {
  link.open(1, true);
  link.moveTo('a');
  expect(gates()).toEqual([['a', 'open', 1, true]]);
});

test('another edge is told what is open, but not what was granted at the one before', () => {
  link.moveTo('a');
  link.open(1, true);
  told = [];
  link.moveTo('b');
  expect(gates()).toEqual([
    ['a', 'close'],
    ['b', 'open', 1, false],
  ]);
});

test('served time counts once, and from the edges only that the viewing was with, while it was', () => {
  time.advance(10_000);
  link.moveTo('a');
  expect(link.served('thief', { fromMs: 0, toMs: 60_000 })).toEqual([]);
  expect(link.served('a', { fromMs: 10_000, toMs: 11_000 })).toEqual([{ fromMs: 10_000, toMs: 11_000 }]);
  time.advance(3_000);
  link.moveTo('b');
  // Before, it was not there.
  expect(link.served('b', { fromMs: 12_500, toMs: 14_000 })).toEqual([{ fromMs: 13_000, toMs: 14_000 }]);
  // What the edge before says late counts up to when it was left.
  expect(link.served('a', { fromMs: 11_000, toMs: 13_500 })).toEqual([{ fromMs: 11_000, toMs: 13_000 }]);
  expect(link.served('a', { fromMs: 13_900, toMs: 20_000 })).toEqual([]);
  expect(link.served('b', { fromMs: 10_500, toMs: 15_000 })).toEqual([{ fromMs: 14_000, toMs: 15_000 }]);
  time.advance(5_000);
  link.moveTo('a');
  expect(link.served('a', { fromMs: 17_000, toMs: 19_000 })).toEqual([{ fromMs: 17_000, toMs: 19_000 }]);
});

test('an edge whose tickets have brought nothing for five seconds cannot be reached', () => {
  link.moveTo('a');
  expect(link.ticketed()).toBe(false);
  time.advance(4_000);
  link.served('a', { fromMs: 3_000, toMs: 4_000 });
  expect(link.ticketed()).toBe(false);
  time.advance(4_999);
  expect(link.ticketed()).toBe(false);
  time.advance(1);
  expect(link.ticketed()).toBe(true);
  link.moveTo('b');
  expect(link.ticketed()).toBe(false);
});

test('a viewing closes with what its edge says, or without it where the edge says nothing', () => {
  link.moveTo('a');
  link.close();
  link.delivered({ edge: 'thief', kind: 'closed', viewing: 'v1', lastChunkMs: 9 });
  expect(closed).toEqual([]);
  link.delivered({ edge: 'a', kind: 'closed', viewing: 'v1', lastChunkMs: 7 });
  expect(closed).toEqual([7]);
});

test('an edge that does not answer is not waited for longer than a second', () => {
  link.moveTo('a');
  link.served('a', { fromMs: 1_000, toMs: 2_000 });
  link.close();
  time.advance(1_000);
  expect(closed).toEqual([2_000]);
});
