import { type CryptoKey, compactDecrypt } from 'jose';
import * as z from 'zod';

/**
 * A key on its way under another, as JWE compact serialisation (RFC 7516). Algorithms are pinned on both sides, every use has a
 * `typ` of its own, and what the key is for is in the protected header, hence authenticated. The authority wraps (node/jwe.ts);
 * devices unwrap, in browsers and Node alike.
 */
export const ENCRYPTION = 'A256GCM';
/** Session keys and content keys alike. */
const KEY_BYTES = 32;

export type WrappedType =
  | 'tollcast-session+jwe'
  | 'tollcast-key+jwe'
  | 'tollcast-encryptor-session+jwe'
  | 'tollcast-encryptor-key+jwe';

/** What a key is for: members of the protected header. */
export type Purpose = Readonly<Record<string, string | number>>;

/** @throws where it is not for this key, of this `typ` and for this purpose */
export const unwrapWith = (agree: CryptoKey, typ: WrappedType, jwe: string, purpose: Purpose): Promise<Uint8Array> =>
  unwrap('ECDH-ES', agree, typ, jwe, purpose);

/** @throws where it is not under this key, of this `typ` and for this purpose */
export const unwrapUnder = (shared: Uint8Array, typ: WrappedType, jwe: string, purpose: Purpose): Promise<Uint8Array> =>
  unwrap('dir', shared, typ, jwe, purpose);

async function unwrap(
  alg: 'ECDH-ES' | 'dir',
  by: CryptoKey | Uint8Array,
  typ: WrappedType,
  jwe: string,
  purpose: Purpose,
): Promise<Uint8Array> {
  const { plaintext, protectedHeader } = await compactDecrypt(jwe, by, {
    keyManagementAlgorithms: [alg],
    contentEncryptionAlgorithms: [ENCRYPTION],
    // A key is never compressed; whoever sends one so has the receiver inflate what it likes.
    maxDecompressedLength: 0,
  });
  const members = Object.entries({ typ, ...purpose }).map(([name, value]) => [name, z.literal(value)]);
  z.object(Object.fromEntries(members)).parse(protectedHeader);
  if (plaintext.length !== KEY_BYTES) throw new Error(`a key of ${plaintext.length} bytes where ${KEY_BYTES} belong`);
  return plaintext;
}
