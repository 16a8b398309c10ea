import type { CryptoKey } from 'jose';
import * as z from 'zod';
import { provePossession } from './possession.ts';
import { signStatement } from './signed.ts';

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
