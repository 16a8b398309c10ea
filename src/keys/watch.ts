import { base64url } from 'jose';
import * as z from 'zod';
import { Tariff } from '../billing/tariff.ts';
import { type DeviceKeys, PublicJwk, publicJwk } from './device.ts';
import { signStatement } from './signed.ts';

/**
 * What a viewer consents to when it asks to watch: this program at this price, with this device. Signed by the device's key,
 * which the JWS names, and ledgered. The token itself travels beside it; only its hash is signed and kept.
 */
export const WatchStatement = z.strictObject({
  program: z.string(),
  tariff: Tariff,
  /** SHA-256 of the viewer token's characters, base64url. */
  tokenHash: z.string(),
  /** As the server's `hello` gave it: the statement is good on that socket only. */
  challenge: z.string(),
  /** The device's ECDH key, to which the session key is encrypted. */
  agree: PublicJwk,
});

export type WatchStatement = z.infer<typeof WatchStatement>;

export async function tokenHash(token: string): Promise<string> {
  return base64url.encode(new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))));
}

export async function signWatch(
  asked: { program: string; tariff: Tariff; token: string; challenge: string },
  device: DeviceKeys,
): Promise<string> {
  const statement: WatchStatement = {
    program: asked.program,
    tariff: asked.tariff,
    tokenHash: await tokenHash(asked.token),
    challenge: asked.challenge,
    agree: await publicJwk(device.agree.publicKey),
  };
  return signStatement('tollcast-watch+jws', statement, device.sign.privateKey, await publicJwk(device.sign.publicKey));
}
