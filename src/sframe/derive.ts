import { NONCE_BYTES, type SFrameSuite } from './suites.ts';

/**
 * What key derivation (RFC 9605, section 4.4.2) and nonces (4.4.3) have in common wherever the HKDF itself runs:
 *
 *   secret = HKDF-Extract(salt = "", base key)
 *   key    = HKDF-Expand(secret, keyLabel, Nk)
 *   salt   = HKDF-Expand(secret, saltLabel, 12)
 *   nonce  = salt XOR counter
 */
const text = new TextEncoder();
const KEY_LABEL = text.encode('SFrame 1.0 Secret key ');
const SALT_LABEL = text.encode('SFrame 1.0 Secret salt ');

export const keyLabel = (suite: SFrameSuite, kid: number): Uint8Array<ArrayBuffer> => label(KEY_LABEL, suite, kid);

export const saltLabel = (suite: SFrameSuite, kid: number): Uint8Array<ArrayBuffer> => label(SALT_LABEL, suite, kid);

/** The text, the key id in 8 bytes (not in the header's compact form), the suite in 2. */
function label(prefix: Uint8Array, suite: SFrameSuite, kid: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(prefix.length + 10);
  out.set(prefix);
  const view = new DataView(out.buffer);
  view.setBigUint64(prefix.length, BigInt(kid));
  view.setUint16(prefix.length + 8, suite.id);
  return out;
}

/** The counter, big-endian in 12 bytes, XORed onto the salt: it reaches the last 8 of them. */
export function nonceOf(salt: Uint8Array, counter: bigint | number): Uint8Array<ArrayBuffer> {
  const nonce = new Uint8Array(salt);
  const view = new DataView(nonce.buffer);
  view.setBigUint64(NONCE_BYTES - 8, view.getBigUint64(NONCE_BYTES - 8) ^ BigInt(counter));
  return nonce;
}
