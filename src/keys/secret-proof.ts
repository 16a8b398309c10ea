import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * Proof of an encryptor's secret as SCRAM makes it (RFC 5802, section 3, with a random secret in place of a salted password):
 *
 *   stored          = SHA-256(secret)
 *   proof           = secret ⊕ HMAC-SHA-256(stored, statement)
 *   authority proof = HMAC-SHA-256(stored, "Tollcast 1 authority" ‖ 0x00 ‖ statement ‖ 0x00 ‖ answer)
 *
 * Whoever has `stored` takes the secret out of the proof and hashes it. The secret is not sent; one who listens, or plays the
 * authority, learns nothing without `stored`; and `stored`, which is all that a stolen ledger gives, proves nothing.
 */
const SECRET_BYTES = 32;

/** 43 characters, base64url of 256 random bits. */
export const newSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url');

export const isSecret = (secret: string): boolean => bytesOf(secret) !== undefined;

/** What the authority keeps of a secret: SHA-256, hex, of its bytes. */
export const secretHash = (secret: string): string => sha256(demanded(secret)).toString('hex');

/** @param statement what is proved with it: signed, and good for one socket */
export function proveSecret(secret: string, statement: string): string {
  const bytes = demanded(secret);
  return xor(bytes, mask(sha256(bytes), statement)).toString('base64url');
}

/** In constant time, whatever of it is wrong. @param storedHash see `secretHash` */
export function checkSecret(storedHash: string, statement: string, proof: string): boolean {
  const stored = Buffer.from(storedHash, 'hex');
  const proved = bytesOf(proof);
  if (stored.length !== SECRET_BYTES || proved === undefined) return false;
  return timingSafeEqual(sha256(xor(proved, mask(stored, statement))), stored);
}

/** The authority's own proof, over what it answers: only who has the hash of the secret can have sent that. */
export const proveAuthority = (storedHash: string, statement: string, answer: string): string =>
  authorityProof(Buffer.from(storedHash, 'hex'), statement, answer).toString('base64url');

/** In constant time. */
export function checkAuthority(secret: string, statement: string, answer: string, proof: string): boolean {
  const proved = bytesOf(proof);
  return proved !== undefined && timingSafeEqual(authorityProof(sha256(demanded(secret)), statement, answer), proved);
}

const authorityProof = (stored: Uint8Array, statement: string, answer: string): Buffer =>
  mask(stored, `Tollcast 1 authority\0${statement}\0${answer}`);

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

const mask = (stored: Uint8Array, statement: string): Buffer => createHmac('sha256', stored).update(statement).digest();

const xor = (a: Uint8Array, b: Uint8Array): Buffer => Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));

function bytesOf(text: string): Buffer | undefined {
  if (!/^[\w-]{43}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === SECRET_BYTES ? bytes : undefined;
}

function demanded(secret: string): Buffer {
  const bytes = bytesOf(secret);
  if (bytes === undefined) throw new TypeError(`a secret is ${SECRET_BYTES} bytes in base64url`);
  return bytes;
}
