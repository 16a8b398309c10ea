import { TollcastError } from '../errors.ts';
import type { DeviceKeys } from '../keys/device.ts';
import { decryptContentKey } from '../keys/key-update.ts';
import { proofKey } from '../keys/possession.ts';
import { signReceipt } from '../keys/receipt.ts';
import type { Admission } from './admission.ts';

export interface AnsweredKey {
  readonly contentKey: Uint8Array;
  /** The signed receipt to send back. */
  readonly receipt: string;
}

/**
 * Unwraps a key update and signs the receipt for it (DESIGN.md, section 4, step 3). `chunks`: how many this viewing has decrypted.
 * @throws TollcastError `protocol-violation` if the update is not for this viewing and epoch, or not under its session key
 */
export async function answerKey(
  update: { readonly epoch: number; readonly jwe: string },
  admission: Admission,
  device: DeviceKeys,
  chunks: number,
): Promise<AnsweredKey> {
  const { viewing, sessionKey } = admission;
  const { epoch, jwe } = update;
  const contentKey = await decryptContentKey(jwe, { viewing, epoch }, sessionKey).catch((cause: unknown) => {
    throw new TollcastError('protocol-violation', `the key of epoch ${epoch} cannot be opened`, { cause });
  });
  const receipt = await signReceipt({ viewing, epoch, chunks }, await proofKey(contentKey), device.sign.privateKey);
  return { contentKey, receipt };
}
