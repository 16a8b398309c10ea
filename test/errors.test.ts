import { expect, test } from '@jest/globals';
import { TollcastError } from '../src/errors.ts';

test('a message is one line, and no longer than anybody reads, whatever it repeats', () => {
  expect(new TollcastError('code', 'of\r\n"a\0b\u2028c"').message).toBe('of "a b c"');
  expect(new TollcastError('code', 'é'.repeat(1_000)).message).toBe('é'.repeat(1_000));
  expect(new TollcastError('code', 'A'.repeat(100_000)).message).toBe(`${'A'.repeat(999)}…`);
});
