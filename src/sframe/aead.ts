import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { unreachable } from '../errors.ts';
import type { SFrameSuite } from './suites.ts';

/** The authenticated encryption of each suite (RFC 9605, section 4.5) through `node:crypto`, synchronous. */
export interface Encrypted {
  readonly data: Buffer;
  readonly tag: Buffer;
}

/** `key`: the suite's `keyBytes`. The nonce must never have been used with this key. */
export function encrypt(suite: SFrameSuite, key: Buffer, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Encrypted {
  const { aead, tagBytes } = suite;
  switch (aead.mode) {
    case 'gcm': {
      const cipher = createCipheriv(aead.cipher, key, nonce, { authTagLength: tagBytes });
      cipher.setAAD(aad);
      const data = cipher.update(plaintext);
      cipher.final();
      return { data, tag: cipher.getAuthTag() };
    }
    case 'ctr-hmac': {
      const cipher = createCipheriv(aead.cipher, key.subarray(0, aead.cipherKeyBytes), initialCounter(nonce));
      const data = cipher.update(plaintext);
      return { data, tag: hmacTag(suite, key.subarray(aead.cipherKeyBytes), nonce, aad, data) };
    }
    default:
      return unreachable(aead);
  }
}

/** The plaintext, or undefined if anything is not what was encrypted under this key and nonce. */
export function decrypt(
  suite: SFrameSuite,
  key: Buffer,
  nonce: Uint8Array,
  aad: Uint8Array,
  { data, tag }: { data: Uint8Array; tag: Uint8Array },
): Buffer | undefined {
  const { aead, tagBytes } = suite;
  switch (aead.mode) {
    case 'gcm': {
      const decipher = createDecipheriv(aead.cipher, key, nonce, { authTagLength: tagBytes });
      decipher.setAAD(aad);
      decipher.setAuthTag(tag);
      const plaintext = decipher.update(data);
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return plaintext;
    }
    case 'ctr-hmac': {
      const expected = hmacTag(suite, key.subarray(aead.cipherKeyBytes), nonce, aad, data);
      if (!timingSafeEqual(expected, tag)) return undefined;
      return createDecipheriv(aead.cipher, key.subarray(0, aead.cipherKeyBytes), initialCounter(nonce)).update(data);
    }
    default:
      return unreachable(aead);
  }
}

/** AES-CTR counts in the last four bytes of its block, from zero (section 4.5.1). */
const initialCounter = (nonce: Uint8Array): Buffer => Buffer.concat([nonce, Buffer.alloc(4)]);

function hmacTag(suite: SFrameSuite, key: Buffer, nonce: Uint8Array, aad: Uint8Array, data: Uint8Array): Buffer {
  const lengths = Buffer.alloc(24);
  lengths.writeBigUInt64BE(BigInt(aad.length), 0);
  lengths.writeBigUInt64BE(BigInt(data.length), 8);
  lengths.writeBigUInt64BE(BigInt(suite.tagBytes), 16);
  const mac = createHmac(suite.hash, key).update(lengths).update(nonce).update(aad).update(data).digest();
  return mac.subarray(0, suite.tagBytes);
}
