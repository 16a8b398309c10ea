import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { LABEL, proofInput } from '../possession.ts';

/**
 * The authority's side of keys/possession.ts, through `node:crypto`: a proof is checked in 3 CPU µs, where WebCrypto's way through another
 * thread takes 21.
 *
 * Derives an epoch's proof key. Derive it once for all viewings of the epoch.
 */
export const proofKey = (contentKey: Uint8Array): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', contentKey, new Uint8Array(0), LABEL, 32)));

/** In constant time, as the one text that a proof has. */
export function checkPossession(key: KeyObject, holder: string, epoch: number, proof: string): boolean {
  const expected = Buffer.from(createHmac('sha256', key).update(proofInput(holder, epoch)).digest('base64url'));
  const given = Buffer.from(proof);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
