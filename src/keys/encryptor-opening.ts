import type { CryptoKey } from 'jose';
import * as z from 'zod';
import { type DeviceKeys, importAgreeKey, PublicJwk, publicJwk, thumbprint } from './device.ts';
import { namedKey, signStatement, verifyStatement } from './signed.ts';

/**
 * An encryptor process opens its socket: signed by a key that was made when the process started and cannot leave it. Whoever signs
 * with the same key again is the same process (DESIGN.md, section 4, "One key, one counter").
 */
export const OpeningStatement = z.strictObject({
  encryptor: z.string(),
  /** As the authority's `hello` gave it: the statement is good on that socket only. */
  challenge: z.string(),
  /** The process's ECDH key, to which the session key is encrypted. */
  agree: PublicJwk,
});

export type OpeningStatement = z.infer<typeof OpeningStatement>;

export interface VerifiedOpening {
  readonly statement: OpeningStatement;
  /** RFC 7638 thumbprint of the signing key: names the process. */
  readonly process: string;
  readonly signKey: CryptoKey;
  readonly agreeKey: CryptoKey;
}

export async function signOpening(asked: { encryptor: string; challenge: string }, device: DeviceKeys): Promise<string> {
  const statement: OpeningStatement = { ...asked, agree: await publicJwk(device.agree.publicKey) };
  return signStatement('tollcast-encryptor+jws', statement, device.sign.privateKey, await publicJwk(device.sign.publicKey));
}

/** Verifies an opening against the key that it names. The caller checks encryptor and challenge. */
export async function verifyOpening(jws: string): Promise<VerifiedOpening> {
  const { jwk, key } = await namedKey(jws);
  const statement = await verifyStatement('tollcast-encryptor+jws', jws, key, OpeningStatement);
  return { statement, process: await thumbprint(jwk), signKey: key, agreeKey: await importAgreeKey(statement.agree) };
}
