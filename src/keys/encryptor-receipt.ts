import type { CryptoKey } from 'jose';
import * as z from 'zod';
import { provePossession } from './possession.ts';
import { signStatement } from './signed.ts';

/** An encryptor's signed confirmation that it holds an epoch's content key, as a viewer gives one (keys/receipt.ts). */
export const EncryptorReceipt = z.strictObject({
  encryptor: z.string(),
  program: z.string(),
  epoch: z.int().min(1),
  /** See possession.ts; of the encryptor and its program in place of a viewing. */
  proof: z.string().regex(/^[\w-]{43}$/),
});

export type EncryptorReceipt = z.infer<typeof EncryptorReceipt>;

export interface HeldKey {
  readonly encryptor: string;
  readonly program: string;
  readonly epoch: number;
}

/** No viewing is called so: a proof for the one is none for the other. */
export const holder = ({ encryptor, program }: HeldKey): string => `encryptor/${encryptor}/${program}`;

export async function signEncryptorReceipt(
  { encryptor, program, epoch }: HeldKey,
  proofKey: globalThis.CryptoKey,
  signKey: CryptoKey,
): Promise<string> {
  const held = { encryptor, program, epoch };
  const statement: EncryptorReceipt = { ...held, proof: await provePossession(proofKey, holder(held), epoch) };
  return signStatement('tollcast-encryptor-receipt+jws', statement, signKey);
}
