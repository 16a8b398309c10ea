import type { KeyObject } from 'node:crypto';
import { encryptContentKey, encryptSessionKey } from '../keys/node/key-update.ts';
import { proofKey } from '../keys/node/possession.ts';
import { verifyReceipt } from '../keys/node/receipt.ts';
import { type VerifiedWatch, verifyWatch } from '../keys/node/watch.ts';
import type { ReceiptStatement } from '../keys/receipt.ts';
import { Slices } from '../slices.ts';
import { agreedOnResume, checkWatch, type WatchRequest } from './admission.ts';

/**
 * The cryptography between the authority and its viewers, handed in, so that a simulator can do without. What viewers may ask for many
 * at a time answers when it has its turn.
 */
export interface KeyExchange {
  /** See keys/node/watch.ts. @throws Error */
  verifyWatch(jws: string): Promise<VerifiedWatch>;
  /** See admission.ts. @throws Refusal */
  checkWatch(request: WatchRequest): void;
  /** See admission.ts. @throws Refusal */
  agreedOnResume(jws: string, signKey: KeyObject, viewing: string, challenge: string): Promise<KeyObject>;
  /** See keys/node/key-update.ts. */
  encryptSessionKey(sessionKey: Uint8Array, viewing: string, agree: KeyObject): string;
  encryptContentKey(
    contentKey: Uint8Array,
    of: { readonly viewing: string; readonly epoch: number },
    sessionKey: Uint8Array,
  ): string;
  /** See keys/node/possession.ts. */
  proofKey(contentKey: Uint8Array): KeyObject;
  /** See keys/node/receipt.ts. @throws Error */
  verifyReceipt(
    jws: string,
    viewing: string,
    signKey: KeyObject,
    proofKeyOf: (epoch: number) => KeyObject | undefined,
  ): Promise<ReceiptStatement>;
}

export const keyExchange = (slices: Slices): KeyExchange => ({
  verifyWatch: (jws) => slices.run(() => verifyWatch(jws)),
  checkWatch,
  agreedOnResume: (...given) => slices.run(() => agreedOnResume(...given)),
  encryptSessionKey,
  encryptContentKey,
  proofKey,
  verifyReceipt: (...given) => slices.run(() => verifyReceipt(...given)),
});

export const nodeKeyExchange: KeyExchange = keyExchange(new Slices());
