import type { KeyObject } from 'node:crypto';
import { EncryptorReceipt, type HeldKey, holder } from '../encryptor-receipt.ts';
import { verifyStatement } from './jws.ts';
import { checkPossession } from './possession.ts';

/**
 * Verifies signature, encryptor, program and proof. `proofKeyOf` gives the proof key of an epoch that was sent to it.
 * @returns the epoch
 * @throws on any of them wrong, or an epoch whose key was not sent
 */
export function verifyEncryptorReceipt(
  jws: string,
  of: Omit<HeldKey, 'epoch'>,
  signKey: KeyObject,
  proofKeyOf: (epoch: number) => KeyObject | undefined,
): number {
  const { encryptor, program, epoch, proof } = verifyStatement('tollcast-encryptor-receipt+jws', jws, signKey, EncryptorReceipt);
  if (encryptor !== of.encryptor || program !== of.program) throw new Error('the receipt is for another encryptor or program');
  const key = proofKeyOf(epoch);
  if (key === undefined) throw new Error(`no key of epoch ${epoch} was sent to this encryptor`);
  if (!checkPossession(key, holder({ encryptor, program, epoch }), epoch, proof))
    throw new Error('the proof of possession is wrong');
  return epoch;
}
