import { CompactSign, type CryptoKey } from 'jose';
import type { PublicJwk } from './device.ts';

/**
 * JWS compact serialisation (RFC 7515) as Tollcast uses it: ES256 only, and a `typ` of its own for each kind of statement, so
 * that none can be taken for another (RFC 8725, section 3.11). Devices sign, in browsers and Node alike; the authority verifies
 * (node/jws.ts).
 */
export type SignedType =
  | 'tollcast-watch+jws'
  | 'tollcast-resume+jws'
  | 'tollcast-receipt+jws'
  | 'tollcast-encryptor+jws'
  | 'tollcast-encryptor-receipt+jws';

export const ALGORITHM = 'ES256';

export function signStatement(type: SignedType, payload: object, key: CryptoKey, jwk?: PublicJwk): Promise<string> {
  const header = jwk === undefined ? { alg: ALGORITHM, typ: type } : { alg: ALGORITHM, typ: type, jwk };
  return new CompactSign(new TextEncoder().encode(JSON.stringify(payload))).setProtectedHeader(header).sign(key);
}
