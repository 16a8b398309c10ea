import type { CryptoKey } from 'jose';
import * as z from 'zod';
import { checkPossession, provePossession } from './possession.ts';
import { signStatement, verifyStatement } from './signed.ts';

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
const holder = ({ encryptor, program }: HeldKey): string => `encryptor/${encryptor}/${program}`;

export async function signEncryptorReceipt(
  { encryptor, program, epoch }: HeldKey,
  proofKey: globalThis.CryptoKey,
  signKey: CryptoKey,
): Promise<string> {
  const held = { encryptor, program, epoch };
  const statement: EncryptorReceipt = { ...held, proof: await provePossession(proofKey, holder(held), epoch) };
  return signStatement('tollcast-encryptor-receipt+jws', statement, signKey);
}

/**
 * Verifies signature, encryptor, program and proof. `proofKeyOf` gives the proof key of an epoch that was sent to it.
 * @returns the epoch
 * @throws on any of them wrong, or an epoch whose key was not sent
 */
export async function verifyEncryptorReceipt(
  jws: string,
  of: Omit<HeldKey, 'epoch'>,
  signKey: CryptoKey,
  proofKeyOf: (epoch: number) => Promise<globalThis.CryptoKey> | undefined,
): Promise<number> {
  const { encryptor, program, epoch, proof } = await verifyStatement(
    'tollcast-encryptor-receipt+jws',
    jws,
    signKey,
    EncryptorReceipt,
  );
  if (encryptor !== of.encryptor || program !== of.program) throw new Error('the receipt is for another encryptor or program');
  const key = await proofKeyOf(epoch);
  if (key === undefined) throw new Error(`no key of epoch ${epoch} was sent to this encryptor`);
  if (!(await checkPossession(key, holder({ encryptor, program, epoch }), epoch, proof)))
    throw new Error('the proof of possession is wrong');
  return epoch;
}
