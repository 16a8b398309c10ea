import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { decrypt, encrypt } from '../../src/sframe/aead.ts';
import { additionalData } from '../../src/sframe/ciphertext.ts';
import { keyLabel, nonceOf, saltLabel } from '../../src/sframe/derive.ts';
import { encodeHeader } from '../../src/sframe/header.ts';
import { deriveKeyAndSalt, SFrameOpener, SFrameSealer } from '../../src/sframe/node.ts';
import { SFRAME_SUITES, type SFrameSuiteId } from '../../src/sframe/suites.ts';
import { vectors } from './vectors.ts';

const code = (code: string) => expect.objectContaining({ code });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe('RFC 9605, appendix C', () => {
  test.each(vectors.aes_ctr_hmac)('AES-CTR with HMAC, suite $cipher_suite', ({ cipher_suite, key, nonce, aad, pt, ct }) => {
    const suite = SFRAME_SUITES[cipher_suite];
    const { data, tag } = encrypt(suite, key, nonce, aad, pt);
    expect(Buffer.concat([data, tag])).toEqual(ct);
    expect(decrypt(suite, key, nonce, aad, { data, tag })).toEqual(pt);
  });

  test.each(vectors.sframe)('derivation, suite $cipher_suite', (vector) => {
    const suite = SFRAME_SUITES[vector.cipher_suite];
    const { kid, ctr } = vector;
    expect(Buffer.from(keyLabel(suite, kid))).toEqual(vector.sframe_key_label);
    expect(Buffer.from(saltLabel(suite, kid))).toEqual(vector.sframe_salt_label);
    const derived = deriveKeyAndSalt(suite, kid, vector.base_key);
    expect(derived).toEqual({ key: vector.sframe_key, salt: vector.sframe_salt });
    expect(Buffer.from(nonceOf(derived.salt, ctr))).toEqual(vector.nonce);
    expect(Buffer.from(additionalData(encodeHeader(kid, ctr), vector.metadata))).toEqual(vector.aad);
  });

  test.each(vectors.sframe)(
    'sealing and opening, suite $cipher_suite',
    ({ cipher_suite, kid, ctr, base_key, metadata, pt, ct }) => {
      const suite = SFRAME_SUITES[cipher_suite];
      expect(new SFrameSealer(suite, kid, base_key).seal(ctr, metadata, pt)).toEqual(ct);
      expect(new SFrameOpener(suite, kid, base_key).open(metadata, ct)).toEqual({ counter: ctr, plaintext: pt });
    },
  );

  test('covers all five suites', () => {
    expect(vectors.aes_ctr_hmac.map((vector) => vector.cipher_suite)).toEqual([1, 2, 3]);
    expect(vectors.sframe.map((vector) => vector.cipher_suite)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('a sealed ciphertext', () => {
  const baseKey = Buffer.alloc(32, 7);
  const suiteId = fc.constantFrom<SFrameSuiteId>(1, 2, 3, 4, 5);
  const input = fc.record({
    suiteId,
    baseKey: bytes(32),
    kid: fc.maxSafeNat(),
    counter: fc.maxSafeNat(),
    metadata: fc.uint8Array({ maxLength: 9 }),
    plaintext: fc.uint8Array({ maxLength: 300 }),
  });

  test('opens to what was sealed, behind the headroom asked for', () => {
    fc.assert(
      fc.property(input, fc.nat({ max: 20 }), ({ suiteId, baseKey, kid, counter, metadata, plaintext }, headroomBytes) => {
        const suite = SFRAME_SUITES[suiteId];
        const sealed = new SFrameSealer(suite, kid, baseKey).seal(counter, metadata, plaintext, headroomBytes);
        const opened = new SFrameOpener(suite, kid, baseKey).open(metadata, sealed.subarray(headroomBytes));
        expect(opened).toEqual({ counter, plaintext: Buffer.from(plaintext) });
      }),
    );
  });

  test('does not open with any bit of it or of its metadata flipped, nor cut short anywhere', () => {
    fc.assert(
      fc.property(input, fc.nat(), ({ suiteId, baseKey, kid, counter, plaintext }, position) => {
        const suite = SFRAME_SUITES[suiteId];
        const flags = 3;
        const sealed = new SFrameSealer(suite, kid, baseKey).seal(counter, Uint8Array.of(flags), plaintext, 1);
        sealed[0] = flags;
        const opener = new SFrameOpener(suite, kid, baseKey);
        const refusal = expect.objectContaining({ name: 'SFrameError' });
        const bit = position % (sealed.length * 8);
        const flipped = Buffer.from(sealed);
        flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(() => opener.open(flipped.subarray(0, 1), flipped.subarray(1))).toThrow(refusal);
        expect(() => opener.open(Uint8Array.of(flags), sealed.subarray(1, 1 + (position % (sealed.length - 1))))).toThrow(
          refusal,
        );
      }),
      { numRuns: 500 },
    );
  });

  test('says what was wrong with it', () => {
    const suite = SFRAME_SUITES[5];
    const none = new Uint8Array(0);
    const sealed = new SFrameSealer(suite, 300, baseKey).seal(9, none, Buffer.from('picture'));
    const opener = new SFrameOpener(suite, 300, baseKey);
    expect(() => new SFrameOpener(suite, 301, baseKey).open(none, sealed)).toThrow(code('sframe-unknown-kid'));
    expect(() => new SFrameOpener(suite, 300, Buffer.alloc(32, 8)).open(none, sealed)).toThrow(code('sframe-tampered'));
    expect(() => opener.open(Uint8Array.of(1), sealed)).toThrow(code('sframe-tampered'));
    expect(() => opener.open(none, sealed.subarray(0, 19))).toThrow(code('sframe-truncated'));
    expect(() => opener.open(none, none)).toThrow(code('sframe-truncated'));
    const beyond = Buffer.concat([encodeHeader(300, 2n ** 60n), Buffer.alloc(16)]);
    expect(() => opener.open(none, beyond)).toThrow(code('sframe-malformed-header'));
  });
});

describe('a sealer', () => {
  const none = new Uint8Array(0);

  test('never uses a counter twice, nor goes back', () => {
    const sealer = new SFrameSealer(SFRAME_SUITES[5], 1, Buffer.alloc(32, 7));
    sealer.seal(0, none, none);
    expect(() => sealer.seal(0, none, none)).toThrow('SFrame counter 0 after 0');
    sealer.seal(7, none, none);
    expect(() => sealer.seal(6, none, none)).toThrow('SFrame counter 6 after 7');
    expect(() => sealer.seal(Number.NaN, none, none)).toThrow('SFrame counter');
  });

  test('overwrites its key and salt, and seals nothing after that', () => {
    const sealer = new SFrameSealer(SFRAME_SUITES[5], 1, Buffer.alloc(32, 7));
    const fill = jest.spyOn(Buffer.prototype, 'fill');
    sealer.wipe();
    expect(fill.mock.contexts).toEqual([Buffer.alloc(32), Buffer.alloc(12)]);
    fill.mockRestore();
    expect(() => sealer.seal(1, none, none)).toThrow('SFrame counter');
  });

  test('neither keeps nor changes the base key', () => {
    const baseKey = Buffer.alloc(32, 7);
    const sealer = new SFrameSealer(SFRAME_SUITES[5], 1, baseKey);
    const opener = new SFrameOpener(SFRAME_SUITES[5], 1, baseKey);
    baseKey.fill(0);
    expect(opener.open(none, sealer.seal(0, none, Buffer.from('picture'))).plaintext.toString()).toBe('picture');
  });
});
