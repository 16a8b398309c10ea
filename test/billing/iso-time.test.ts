import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isoTime } from '../../src/billing/iso-time.ts';

test('times on bills are written as Date writes them', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -(10 ** 12), max: 10 ** 14 })), (times) => {
      expect(times.map(isoTime)).toEqual(times.map((wallMs) => new Date(wallMs).toISOString()));
    }),
  );
});
