import { base64url } from 'jose';

/**
 * Proof that a viewing holds an epoch's content key: HMAC-SHA-256 over the viewing and the epoch, under a key derived from the
 * content key by HKDF-SHA-256 (RFC 5869) with a label of its own, so that nothing about the SFrame keys is given away.
 *
 *   proofKey = HKDF-SHA-256(ikm = content key, salt = empty, info = "Tollcast 1 receipt", 32 bytes)
 *   proof    = base64url(HMAC-SHA-256(proofKey, UTF-8(viewing) ‖ 0x00 ‖ epoch as 8 bytes, big-endian))
 */
export const LABEL = new TextEncoder().encode('Tollcast 1 receipt');

const imported = (
  key: Uint8Array<ArrayBuffer>,
  algorithm: 'HKDF' | { name: 'HMAC'; hash: string },
  usage: 'deriveKey' | 'verify' | 'sign',
) => globalThis.crypto.subtle.importKey('raw', key, algorithm, false, usage === 'deriveKey' ? ['deriveKey'] : ['sign', 'verify']);

/** Derives an epoch's proof key. Derive it once for all viewings of the epoch. */
export async function proofKey(contentKey: Uint8Array): Promise<CryptoKey> {
  const base = await imported(Uint8Array.from(contentKey), 'HKDF', 'deriveKey');
  return globalThis.crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: LABEL },
    base,
    { name: 'HMAC', hash: 'SHA-256', length: 256 },
    false,
    ['sign', 'verify'],
  );
}

/** @param holder a viewing, or who else holds the key */
export function proofInput(holder: string, epoch: number): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(holder);
  const out = new Uint8Array(name.length + 9);
  out.set(name);
  new DataView(out.buffer).setBigUint64(name.length + 1, BigInt(epoch));
  return out;
}

export async function provePossession(key: CryptoKey, viewing: string, epoch: number): Promise<string> {
  return base64url.encode(new Uint8Array(await globalThis.crypto.subtle.sign('HMAC', key, proofInput(viewing, epoch))));
}
