import type { CryptoKey } from 'jose';
import { encryptContentKey, encryptSessionKey } from '../keys/key-update.ts';
import { proofKey } from '../keys/possession.ts';
import { type ReceiptStatement, verifyReceipt } from '../keys/receipt.ts';
import { agreedOnResume, checkWatch, type WatchRequest } from './admission.ts';

/**
 * The cryptography between the authority and its viewers. Handed in: it is the only part that answers when another thread has had
 * the time, and so the only one that a simulator cannot run on a clock of its own.
 */
export interface KeyExchange {
  /** See admission.ts. @throws Refusal */
  checkWatch(request: WatchRequest): Promise<void>;
  /** See admission.ts. @throws Refusal */
  agreedOnResume(jws: string, signKey: CryptoKey, viewing: string, challenge: string): Promise<CryptoKey>;
  /** See keys/key-update.ts. */
  encryptSessionKey(sessionKey: Uint8Array, viewing: string, agree: CryptoKey): Promise<string>;
  encryptContentKey(
    contentKey: Uint8Array,
    of: { readonly viewing: string; readonly epoch: number },
    sessionKey: Uint8Array,
  ): Promise<string>;
  /** See keys/possession.ts. */
  proofKey(contentKey: Uint8Array): Promise<CryptoKey>;
  /** See keys/receipt.ts. @throws Error */
  verifyReceipt(
    jws: string,
    viewing: string,
    signKey: CryptoKey,
    proofKeyOf: (epoch: number) => Promise<CryptoKey> | undefined,
  ): Promise<ReceiptStatement>;
}

export const webKeyExchange: KeyExchange = {
  checkWatch,
  agreedOnResume,
  encryptSessionKey,
  encryptContentKey,
  proofKey,
  verifyReceipt,
};
