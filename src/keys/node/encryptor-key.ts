import type { KeyObject } from 'node:crypto';
import { KEY, SESSION } from '../encryptor-key.ts';
import type { HeldKey } from '../encryptor-receipt.ts';
import { wrapTo, wrapUnder } from './jwe.ts';

export const encryptEncryptorSession = (sessionKey: Uint8Array, encryptor: string, agree: KeyObject): string =>
  wrapTo(agree, SESSION, sessionKey, { encryptor });

export const encryptEncryptorKey = (
  contentKey: Uint8Array,
  { encryptor, program, epoch }: HeldKey,
  sessionKey: Uint8Array,
): string => wrapUnder(sessionKey, KEY, contentKey, { encryptor, program, epoch });
