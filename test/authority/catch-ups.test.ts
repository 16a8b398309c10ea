import { expect, test } from '@jest/globals';
import { CatchUps } from '../../src/authority/catch-ups.ts';

test('the first catch-up of a program is free; each further one takes ten key periods that were paid for since', () => {
  const catchUps = new CatchUps(1_000);
  expect(catchUps.take('news', 'eve')).toBe(true);
  expect(catchUps.take('news', 'eve')).toBe(false);
  expect(catchUps.take('sport', 'eve')).toBe(true);
  expect(catchUps.take('news', 'adam')).toBe(true);
  catchUps.paid('news', 'eve', 6_000);
  expect(catchUps.take('news', 'eve')).toBe(false);
  catchUps.paid('news', 'eve', 4_000);
  expect(catchUps.take('news', 'eve')).toBe(true);
  expect(catchUps.take('news', 'eve')).toBe(false);
});

test('whose picture was interrupted has another one for it, once', () => {
  const catchUps = new CatchUps(10_000);
  catchUps.take('news', 'eve');
  catchUps.interrupted('news', 'eve');
  expect(catchUps.take('news', 'eve')).toBe(true);
  expect(catchUps.take('news', 'eve')).toBe(false);
});
