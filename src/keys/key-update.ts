import type { CryptoKey } from 'jose';
import { unwrapUnder, unwrapWith } from './wrapped-key.ts';

/**
 * Keys on their way to a viewing. The session key is agreed once (ECDH-ES); each content key then travels under it (dir), so that
 * an update costs symmetric work only. Viewing and epoch are in the protected header.
 */
export const SESSION = 'tollcast-session+jwe';
export const UPDATE = 'tollcast-key+jwe';
export const SESSION_KEY_BYTES = 32;

export const decryptSessionKey = (jwe: string, viewing: string, agree: CryptoKey): Promise<Uint8Array> =>
  unwrapWith(agree, SESSION, jwe, { viewing });

export const decryptContentKey = (
  jwe: string,
  of: { viewing: string; epoch: number },
  sessionKey: Uint8Array,
): Promise<Uint8Array> => unwrapUnder(sessionKey, UPDATE, jwe, { viewing: of.viewing, epoch: of.epoch });
