import { CompactSign, type CryptoKey, compactVerify, decodeProtectedHeader } from 'jose';
import * as z from 'zod';
import { checked } from '../checked.ts';
import { importSignKey, PublicJwk } from './device.ts';

/**
 * JWS compact serialisation (RFC 7515) as Tollcast uses it: ES256 only, and a `typ` of its own for each kind of statement, so
 * that none can be taken for another (RFC 8725, section 3.11).
 */
export type SignedType =
  | 'tollcast-watch+jws'
  | 'tollcast-resume+jws'
  | 'tollcast-receipt+jws'
  | 'tollcast-encryptor+jws'
  | 'tollcast-encryptor-receipt+jws';

const ALGORITHM = 'ES256';

export function signStatement(type: SignedType, payload: object, key: CryptoKey, jwk?: PublicJwk): Promise<string> {
  const header = jwk === undefined ? { alg: ALGORITHM, typ: type } : { alg: ALGORITHM, typ: type, jwk };
  return new CompactSign(new TextEncoder().encode(JSON.stringify(payload))).setProtectedHeader(header).sign(key);
}

/**
 * The payload of a statement signed by `key`, parsed by `schema`.
 * @throws jose's JOSEError on a wrong signature, algorithm or form, Error on a wrong payload or `typ`
 */
export async function verifyStatement<T>(type: SignedType, jws: string, key: CryptoKey, schema: z.ZodType<T>): Promise<T> {
  const { payload, protectedHeader } = await compactVerify(jws, key, { algorithms: [ALGORITHM] });
  if (protectedHeader.typ !== type) throw new Error(`expected a ${type}, not a ${protectedHeader.typ}`);
  const parsed = checked(schema, JSON.parse(new TextDecoder().decode(payload)));
  if (!parsed.success) throw new Error(`its payload is wrong: ${parsed.problem}`);
  return parsed.data;
}

/** The key that a self-signed statement names in its header, imported for verifying: it proves possession, nothing more. */
export async function namedKey(jws: string): Promise<{ jwk: PublicJwk; key: CryptoKey }> {
  const header = checked(z.object({ jwk: PublicJwk }), decodeProtectedHeader(jws));
  if (!header.success) throw new Error(`its header is wrong: ${header.problem}`);
  const { jwk } = header.data;
  return { jwk, key: await importSignKey(jwk) };
}
