import * as z from 'zod';
import { type DeviceKeys, PublicJwk, publicJwk } from './device.ts';
import { signStatement } from './signed.ts';

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

export async function signOpening(asked: { encryptor: string; challenge: string }, device: DeviceKeys): Promise<string> {
  const statement: OpeningStatement = { ...asked, agree: await publicJwk(device.agree.publicKey) };
  return signStatement('tollcast-encryptor+jws', statement, device.sign.privateKey, await publicJwk(device.sign.publicKey));
}
