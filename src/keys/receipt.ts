import type { CryptoKey } from 'jose';
import * as z from 'zod';
import { checkPossession, provePossession } from './possession.ts';
import { signStatement, verifyStatement } from './signed.ts';

/** The viewer's signed confirmation that it holds an epoch's content key (DESIGN.md, section 4, step 3). */
export const ReceiptStatement = z.strictObject({
  viewing: z.string(),
  epoch: z.int().min(1),
  /** How many chunks this viewing has decrypted so far, by the viewer's own count. */
  chunks: z.int().min(0),
  /** See possession.ts. */
  proof: z.string().regex(/^[\w-]{43}$/),
});

export type ReceiptStatement = z.infer<typeof ReceiptStatement>;

export async function signReceipt(
  of: { viewing: string; epoch: number; chunks: number },
  proofKey: globalThis.CryptoKey,
  signKey: CryptoKey,
): Promise<string> {
  const proof = await provePossession(proofKey, of.viewing, of.epoch);
  const statement: ReceiptStatement = { viewing: of.viewing, epoch: of.epoch, chunks: of.chunks, proof };
  return signStatement('tollcast-receipt+jws', statement, signKey);
}

/**
 * Verifies signature, viewing and proof. `proofKeyOf` gives the proof key of an epoch that was sent to this viewing.
 * @throws on any of them wrong, or an epoch whose key this viewing was not sent
 */
export async function verifyReceipt(
  jws: string,
  viewing: string,
  signKey: CryptoKey,
  proofKeyOf: (epoch: number) => Promise<globalThis.CryptoKey> | undefined,
): Promise<ReceiptStatement> {
  const statement = await verifyStatement('tollcast-receipt+jws', jws, signKey, ReceiptStatement);
  if (statement.viewing !== viewing) throw new Error('the receipt is for another viewing');
  const key = await proofKeyOf(statement.epoch);
  if (key === undefined) throw new Error(`no key of epoch ${statement.epoch} awaits a receipt of this viewing`);
  if (!(await checkPossession(key, viewing, statement.epoch, statement.proof)))
    throw new Error('the proof of possession is wrong');
  return statement;
}
