import * as z from 'zod';
import { type DeviceKeys, PublicJwk, publicJwk } from './device.ts';
import { signStatement } from './signed.ts';

/** A device takes up its viewing again on a new control socket: signed by the key that the viewing was opened with. */
export const ResumeStatement = z.strictObject({
  viewing: z.string(),
  /** As the new socket's `hello` gave it: a recorded resume is worth nothing. */
  challenge: z.string(),
  /** The ECDH key for the new session key. */
  agree: PublicJwk,
});

export type ResumeStatement = z.infer<typeof ResumeStatement>;

export async function signResume(asked: { viewing: string; challenge: string }, device: DeviceKeys): Promise<string> {
  const statement: ResumeStatement = { ...asked, agree: await publicJwk(device.agree.publicKey) };
  return signStatement('tollcast-resume+jws', statement, device.sign.privateKey);
}
