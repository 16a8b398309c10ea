import { type CryptoKey, exportJWK } from 'jose';
import * as z from 'zod';

/**
 * A viewing device's two key pairs (DESIGN.md, section 4, "Keys, receipts and the viewing"): one to agree on a session key, one
 * to sign. Made afresh for each viewing, and for each encryptor process; the private halves are not extractable.
 */
export interface DeviceKeys {
  readonly agree: CryptoKeyPair;
  readonly sign: CryptoKeyPair;
}

/** A P-256 public key as a JWK (RFC 7518, section 6.2), and nothing else: a private `d` is refused. */
export const PublicJwk = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string().regex(/^[\w-]{43}$/),
  y: z.string().regex(/^[\w-]{43}$/),
});

export type PublicJwk = z.infer<typeof PublicJwk>;

export async function generateDeviceKeys(): Promise<DeviceKeys> {
  const { subtle } = globalThis.crypto;
  const [agree, sign] = await Promise.all([
    subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']),
    subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']),
  ]);
  return { agree, sign };
}

export async function publicJwk(key: CryptoKey): Promise<PublicJwk> {
  const { kty, crv, x, y } = await exportJWK(key);
  return PublicJwk.parse({ kty, crv, x, y });
}
