import type { KeyObject } from 'node:crypto';
import { SESSION, UPDATE } from '../key-update.ts';
import { wrapTo, wrapUnder } from './jwe.ts';

export const encryptSessionKey = (sessionKey: Uint8Array, viewing: string, agree: KeyObject): string =>
  wrapTo(agree, SESSION, sessionKey, { viewing });

export const encryptContentKey = (
  contentKey: Uint8Array,
  { viewing, epoch }: { readonly viewing: string; readonly epoch: number },
  sessionKey: Uint8Array,
): string => wrapUnder(sessionKey, UPDATE, contentKey, { viewing, epoch });
