import type { CryptoKey } from 'jose';
import { verifyEncryptorReceipt } from '../keys/encryptor-receipt.ts';
import { proofKey } from '../keys/possession.ts';

/** The cryptography between the authority and encryptors elsewhere, handed in as that of viewers is (key-exchange.ts). */
export interface EncryptorExchange {
  /** See keys/possession.ts. */
  proofKey(contentKey: Uint8Array): Promise<CryptoKey>;
  /** See keys/encryptor-receipt.ts. @throws Error */
  verifyReceipt(
    jws: string,
    of: { readonly encryptor: string; readonly program: string },
    signKey: CryptoKey,
    proofKeyOf: (epoch: number) => Promise<CryptoKey> | undefined,
  ): Promise<number>;
}

export const webEncryptorExchange: EncryptorExchange = { proofKey, verifyReceipt: verifyEncryptorReceipt };
