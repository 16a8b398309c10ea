import type { CryptoKey } from 'jose';
import type { HeldKey } from './encryptor-receipt.ts';
import { unwrapUnder, unwrapWith, wrapTo, wrapUnder } from './wrapped-key.ts';

/** Keys on their way to an encryptor elsewhere, as to a viewing (keys/key-update.ts), each with a `typ` of its own. */
const SESSION = 'tollcast-encryptor-session+jwe';
const KEY = 'tollcast-encryptor-key+jwe';

export const encryptEncryptorSession = (sessionKey: Uint8Array, encryptor: string, agree: CryptoKey): Promise<string> =>
  wrapTo(agree, SESSION, sessionKey, { encryptor });

export const decryptEncryptorSession = (jwe: string, encryptor: string, agree: CryptoKey): Promise<Uint8Array> =>
  unwrapWith(agree, SESSION, jwe, { encryptor });

export const encryptEncryptorKey = (
  contentKey: Uint8Array,
  { encryptor, program, epoch }: HeldKey,
  sessionKey: Uint8Array,
): Promise<string> => wrapUnder(sessionKey, KEY, contentKey, { encryptor, program, epoch });

export const decryptEncryptorKey = (
  jwe: string,
  { encryptor, program, epoch }: HeldKey,
  sessionKey: Uint8Array,
): Promise<Uint8Array> => unwrapUnder(sessionKey, KEY, jwe, { encryptor, program, epoch });
