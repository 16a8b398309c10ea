import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { entryHash, GENESIS, type Link } from '../../src/ledger/chain.ts';

const link: Link = { seq: 1, boot: 'b', monoMs: 2, wallMs: 1_700_000_000_002, kind: 'life', body: '{}' };

/** The encoding as its documentation has it, in the simplest way. */
function auditor(previous: Uint8Array, { seq, boot, monoMs, wallMs, kind, body }: Link): string {
  const int64 = (value: number): Buffer => Buffer.from(BigInt.asUintN(64, BigInt(value)).toString(16).padStart(16, '0'), 'hex');
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'utf8');
    return Buffer.concat([Buffer.from(bytes.length.toString(16).padStart(8, '0'), 'hex'), bytes]);
  };
  const fields = [int64(seq), text(boot), int64(monoMs), int64(wallMs), text(kind), text(body)];
  return createHash('sha256')
    .update(Buffer.concat([previous, ...fields]))
    .digest('hex');
}

describe('the chain', () => {
  test('has a hash that never changes for the same entry', () => {
    expect(entryHash(GENESIS, link).toString('hex')).toBe('4009be19429be5dc84b43b3a4b1322cd73ba8a335b95dc302375f89fca5fa94a');
  });

  test('is encoded as documented', () => {
    const links = fc.record({
      seq: fc.nat(),
      boot: fc.string({ unit: 'binary' }),
      monoMs: fc.maxSafeNat(),
      wallMs: fc.maxSafeInteger(),
      kind: fc.string(),
      body: fc.string({ unit: 'grapheme' }),
    });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), links, (previous, any) => {
        expect(entryHash(previous, any).toString('hex')).toBe(auditor(previous, any));
      }),
    );
  });

  test('tells apart entries whose fields run together to the same text', () => {
    const [a, b] = [
      { ...link, kind: 'ab', body: 'c' },
      { ...link, kind: 'a', body: 'bc' },
    ];
    expect(entryHash(GENESIS, a)).not.toEqual(entryHash(GENESIS, b));
  });

  test('refuses a time that is not whole', () => {
    expect(() => entryHash(GENESIS, { ...link, monoMs: 0.5 })).toThrow(RangeError);
  });
});
