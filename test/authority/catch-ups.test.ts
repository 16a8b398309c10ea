import { expect, test } from '@jest/globals';
import { CatchUps } from '../../src/authority/catch-ups.ts';

test('the first catch-up of a program is free; each further one takes time that was paid for since', () => {
  const catchUps = new CatchUps();
  expect(catchUps.take('news', 'eve')).toBe(true);
  expect(catchUps.take('news', 'eve')).toBe(false);
  expect(catchUps.take('sport', 'eve')).toBe(true);
  expect(catchUps.take('news', 'adam')).toBe(true);
  catchUps.paid('news', 'eve', 1);
  expect(catchUps.take('news', 'eve')).toBe(true);
  expect(catchUps.take('news', 'eve')).toBe(false);
});
