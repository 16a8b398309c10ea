import type { CryptoKey } from 'jose';
import type { HeldKey } from './encryptor-receipt.ts';
import { unwrapUnder, unwrapWith } from './wrapped-key.ts';

/** Keys on their way to an encryptor elsewhere, as to a viewing (keys/key-update.ts), each with a `typ` of its own. */
export const SESSION = 'tollcast-encryptor-session+jwe';
export const KEY = 'tollcast-encryptor-key+jwe';

export const decryptEncryptorSession = (jwe: string, encryptor: string, agree: CryptoKey): Promise<Uint8Array> =>
  unwrapWith(agree, SESSION, jwe, { encryptor });

export const decryptEncryptorKey = (
  jwe: string,
  { encryptor, program, epoch }: HeldKey,
  sessionKey: Uint8Array,
): Promise<Uint8Array> => unwrapUnder(sessionKey, KEY, jwe, { encryptor, program, epoch });
