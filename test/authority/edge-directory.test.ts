import { beforeEach, expect, test } from '@jest/globals';
import { EdgeDirectory } from '../../src/authority/edge-directory.ts';
import { FakeTime } from '../media/fake-time.ts';

let time: FakeTime;
let directory: EdgeDirectory;

beforeEach(() => {
  time = new FakeTime();
  directory = new EdgeDirectory(time);
});

const heard = (edge: string, viewings = 0, leaving = false) =>
  directory.heard({ edge, url: `https://${edge}.example`, viewings, leaving });

test('the edge with the fewest viewings is chosen, and a crowd does not all go to one', () => {
  heard('a', 2);
  heard('b', 1);
  expect([1, 2, 3, 4].map(() => directory.choose()?.edge)).toEqual(['b', 'a', 'b', 'a']);
});

test('a viewing stays with its edge while that is there', () => {
  heard('a', 10);
  heard('b');
  expect(directory.choose('a')?.edge).toBe('a');
  time.advance(1_000);
  heard('b');
  expect(directory.choose('a')?.edge).toBe('a');
});

test('one that misses its time is left for another, and kept where there is none', () => {
  heard('a');
  time.advance(1_000);
  heard('b');
  expect(directory.choose('a')?.edge).toBe('a');
  time.advance(600);
  expect(directory.choose('a')?.edge).toBe('b');
  time.advance(1_000);
  expect(directory.choose('a')?.edge).toBe('a');
});

test('one that is silent for long, or says that it is leaving, is gone', () => {
  heard('a');
  time.advance(1_400);
  heard('b');
  time.advance(1_400);
  heard('b');
  expect(directory.takeGone()).toEqual([]);
  time.advance(300);
  expect(directory.takeGone()).toEqual(['a']);
  expect(directory.takeGone()).toEqual([]);
  heard('b', 0, true);
  expect(directory.choose('b')).toBeUndefined();
  expect(directory.takeGone()).toEqual(['b']);
});

test('where nobody was heard at all, nobody was silent: each has its time again', () => {
  heard('a');
  heard('b');
  time.advance(10_000);
  heard('b');
  expect(directory.takeGone()).toEqual([]);
  expect(directory.choose('a')?.edge).toBe('a');
  time.advance(1_400);
  heard('b');
  time.advance(1_400);
  heard('b');
  time.advance(300);
  expect(directory.takeGone()).toEqual(['a']);
});

test('a viewing that cannot reach its edge is sent to another, if there is one', () => {
  heard('a');
  expect(directory.choose('a', true)?.edge).toBe('a');
  heard('b', 10);
  expect(directory.choose('a', true)?.edge).toBe('b');
});
