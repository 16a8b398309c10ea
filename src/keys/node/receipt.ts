import type { KeyObject } from 'node:crypto';
import { ReceiptStatement } from '../receipt.ts';
import { verifyStatement } from './jws.ts';
import { checkPossession } from './possession.ts';

/**
 * Verifies signature, viewing and proof. `proofKeyOf` gives the proof key of an epoch that was sent to this viewing.
 * @throws on any of them wrong, or an epoch whose key this viewing was not sent
 */
export function verifyReceipt(
  jws: string,
  viewing: string,
  signKey: KeyObject,
  proofKeyOf: (epoch: number) => KeyObject | undefined,
): ReceiptStatement {
  const statement = verifyStatement('tollcast-receipt+jws', jws, signKey, ReceiptStatement);
  if (statement.viewing !== viewing) throw new Error('the receipt is for another viewing');
  const key = proofKeyOf(statement.epoch);
  if (key === undefined) throw new Error(`no key of epoch ${statement.epoch} awaits a receipt of this viewing`);
  if (!checkPossession(key, viewing, statement.epoch, statement.proof)) throw new Error('the proof of possession is wrong');
  return statement;
}
