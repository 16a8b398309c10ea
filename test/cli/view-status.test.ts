import { expect, test } from '@jest/globals';
import { waitingText } from '../../src/cli/view-status.ts';

test.each([
  [{ ahead: 312, expectedMs: 3_200 }, 'waiting: 312 ahead, about 4 s'],
  [{ ahead: 9_400, expectedMs: 1_234_567 }, 'waiting: 9,400 ahead, about 1,235 s'],
  [{ ahead: 0, expectedMs: 0 }, 'waiting: 0 ahead, about 1 s'],
])('who waits with %j is told so in a line', (waiting, text) => {
  expect(waitingText(waiting)).toBe(text);
});
