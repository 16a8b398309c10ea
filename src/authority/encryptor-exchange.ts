import type { KeyObject } from 'node:crypto';
import { verifyEncryptorReceipt } from '../keys/node/encryptor-receipt.ts';
import { proofKey } from '../keys/node/possession.ts';

/** The cryptography between the authority and encryptors elsewhere, handed in as that of viewers is (key-exchange.ts). */
export interface EncryptorExchange {
  /** See keys/node/possession.ts. */
  proofKey(contentKey: Uint8Array): KeyObject;
  /** See keys/node/encryptor-receipt.ts. @throws Error */
  verifyReceipt(
    jws: string,
    of: { readonly encryptor: string; readonly program: string },
    signKey: KeyObject,
    proofKeyOf: (epoch: number) => KeyObject | undefined,
  ): number;
}

export const nodeEncryptorExchange: EncryptorExchange = { proofKey, verifyReceipt: verifyEncryptorReceipt };
