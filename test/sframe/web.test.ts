import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SFrameOpener, SFrameSealer } from '../../src/sframe/node.ts';
import { CHUNK_SUITE } from '../../src/sframe/suites.ts';
import { WebSFrameOpener } from '../../src/sframe/web.ts';
import { vectors } from './vectors.ts';

const { subtle } = globalThis.crypto;

/** Suite 5 written down once more from the RFC's text, with WebCrypto and nothing of src/sframe. */
async function sealInBrowser(baseKey: Uint8Array, kid: number, counter: number, metadata: Uint8Array, plaintext: Uint8Array) {
  const base = await subtle.importKey('raw', Uint8Array.from(baseKey), 'HKDF', false, ['deriveBits']);
  const derive = async (label: string, length: number) => {
    const info = Buffer.from(`${label}${kid.toString(16).padStart(16, '0')}0005`, 'latin1');
    const suffix = Buffer.from(info.subarray(label.length).toString(), 'hex');
    const hkdf = { name: 'HKDF', hash: 'SHA-512', salt: new Uint8Array(0), info: Buffer.concat([Buffer.from(label), suffix]) };
    return Buffer.from(await subtle.deriveBits(hkdf, base, length * 8));
  };
  const key = await subtle.importKey('raw', await derive('SFrame 1.0 Secret key ', 32), 'AES-GCM', false, ['encrypt']);
  const salt = BigInt(`0x${(await derive('SFrame 1.0 Secret salt ', 12)).toString('hex')}`);
  const iv = Buffer.from((salt ^ BigInt(counter)).toString(16).padStart(24, '0'), 'hex');
  const field = (value: number) => {
    const hex = value.toString(16);
    const bytes = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
    return value < 8 ? { nibble: value, bytes: Buffer.alloc(0) } : { nibble: 8 | (bytes.length - 1), bytes };
  };
  const [k, c] = [field(kid), field(counter)];
  const header = Buffer.concat([Uint8Array.of((k.nibble << 4) | c.nibble), k.bytes, c.bytes]);
  const algorithm = { name: 'AES-GCM', iv, additionalData: Buffer.concat([header, metadata]) };
  return Buffer.concat([header, new Uint8Array(await subtle.encrypt(algorithm, key, Uint8Array.from(plaintext)))]);
}

const input = fc.record({
  baseKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  kid: fc.maxSafeNat(),
  counter: fc.maxSafeNat(),
  metadata: fc.uint8Array({ maxLength: 3 }),
  plaintext: fc.uint8Array({ maxLength: 300 }),
});

describe('opening with WebCrypto', () => {
  test('passes the vector of suite 5', async () => {
    const [vector] = vectors.sframe.filter((each) => each.cipher_suite === CHUNK_SUITE.id);
    if (vector === undefined) throw new Error('no vector of suite 5');
    const opener = await WebSFrameOpener.create(vector.kid, vector.base_key);
    const { counter, plaintext } = await opener.open(vector.metadata, Uint8Array.from(vector.ct));
    expect(counter).toBe(vector.ctr);
    expect(Buffer.from(plaintext)).toEqual(vector.pt);
  });

  test('opens what node:crypto sealed', async () => {
    await fc.assert(
      fc.asyncProperty(input, async ({ baseKey, kid, counter, metadata, plaintext }) => {
        const sealed = new SFrameSealer(CHUNK_SUITE, kid, baseKey).seal(counter, metadata, plaintext);
        const opened = await (await WebSFrameOpener.create(kid, baseKey)).open(metadata, Uint8Array.from(sealed));
        expect(opened).toEqual({ counter, plaintext });
      }),
    );
  });

  test('what WebCrypto sealed, node:crypto opens, and sealed the same', async () => {
    await fc.assert(
      fc.asyncProperty(input, async ({ baseKey, kid, counter, metadata, plaintext }) => {
        const sealed = await sealInBrowser(baseKey, kid, counter, metadata, plaintext);
        const opened = new SFrameOpener(CHUNK_SUITE, kid, baseKey).open(metadata, sealed);
        expect(opened).toEqual({ counter, plaintext: Buffer.from(plaintext) });
        expect(new SFrameSealer(CHUNK_SUITE, kid, baseKey).seal(counter, metadata, plaintext)).toEqual(sealed);
      }),
    );
  });

  test('fails with any one bit flipped', async () => {
    await fc.assert(
      fc.asyncProperty(input, fc.nat(), async ({ baseKey, kid, counter, metadata, plaintext }, position) => {
        const sealed = new SFrameSealer(CHUNK_SUITE, kid, baseKey).seal(counter, metadata, plaintext, metadata.length);
        sealed.set(metadata);
        const bit = position % (sealed.length * 8);
        sealed.writeUInt8(sealed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        const flipped = Uint8Array.from(sealed);
        const opener = await WebSFrameOpener.create(kid, baseKey);
        const opening = opener.open(flipped.subarray(0, metadata.length), flipped.subarray(metadata.length));
        await expect(opening).rejects.toMatchObject({ name: 'SFrameError' });
      }),
    );
  });

  test('says what was wrong', async () => {
    const baseKey = Buffer.alloc(32, 7);
    const none = new Uint8Array(0);
    const sealed = Uint8Array.from(new SFrameSealer(CHUNK_SUITE, 300, baseKey).seal(9, none, Buffer.from('picture')));
    const opener = await WebSFrameOpener.create(300, baseKey);
    await expect(opener.open(Uint8Array.of(1), sealed)).rejects.toMatchObject({ code: 'sframe-tampered' });
    await expect(opener.open(none, sealed.subarray(0, 19))).rejects.toMatchObject({ code: 'sframe-truncated' });
    const other = await WebSFrameOpener.create(301, baseKey);
    await expect(other.open(none, sealed)).rejects.toMatchObject({ code: 'sframe-unknown-kid' });
  });
});
