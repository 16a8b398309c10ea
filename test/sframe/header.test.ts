import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeHeader, encodeHeader } from '../../src/sframe/header.ts';
import { vectors } from './vectors.ts';

const uint64 = fc.oneof(fc.nat({ max: 9 }).map(BigInt), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));

describe('the SFrame header', () => {
  test('is written as in every vector of RFC 9605', () => {
    expect(vectors.header).toHaveLength(289);
    for (const { kid, ctr, encoded } of vectors.header) expect(Buffer.from(encodeHeader(kid, ctr))).toEqual(encoded);
  });

  test('is read as in every vector of RFC 9605', () => {
    for (const { kid, ctr, encoded } of vectors.header) {
      expect(decodeHeader(encoded)).toEqual({ kid, counter: ctr, byteLength: encoded.length });
    }
  });

  test('comes back from its bytes, whatever follows them', () => {
    fc.assert(
      fc.property(uint64, uint64, fc.uint8Array(), (kid, counter, rest) => {
        const header = encodeHeader(kid, counter);
        expect(decodeHeader(Buffer.concat([header, rest]))).toEqual({ kid, counter, byteLength: header.length });
      }),
    );
  });

  test('has one encoding only: what is read is written again in the same bytes, or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 17 }), (bytes) => {
        try {
          const { kid, counter, byteLength } = decodeHeader(bytes);
          expect(encodeHeader(kid, counter)).toEqual(bytes.slice(0, byteLength));
        } catch (error) {
          expect(error).toHaveProperty('code', expect.stringMatching(/^sframe-(truncated|malformed-header)$/));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['a value below 8 outside the config byte', '8007'],
    ['a leading zero byte', '9000ff'],
    ['a counter with a leading zero byte', '090001'],
  ])('is refused with %s', (_, hex) => {
    expect(() => decodeHeader(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ code: 'sframe-malformed-header' }));
  });

  test.each(['', '08', 'ff00', '98'])('is refused when cut off: "%s"', (hex) => {
    expect(() => decodeHeader(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ code: 'sframe-truncated' }));
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 53, -1n, 2n ** 64n])('is not written for %s', (value) => {
    expect(() => encodeHeader(value, 0)).toThrow(RangeError);
    expect(() => encodeHeader(0, value)).toThrow(RangeError);
  });
});
