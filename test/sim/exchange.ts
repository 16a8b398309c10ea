import { createHash, type KeyObject } from 'node:crypto';
import type { KeyExchange } from '../../src/authority/key-exchange.ts';
import type { ReceiptStatement } from '../../src/keys/receipt.ts';
import { Refusal } from '../../src/protocol/refusal.ts';

/** Stands where a key does. */
export const asKey = (text: string): KeyObject => text as unknown as KeyObject;

/**
 * Keys that only say what they are: whoever holds one could have computed it, and nobody else can guess it.
 * @param received told of each good receipt
 */
export const simKeyExchange = (received: (viewing: string, epoch: number) => void): KeyExchange => ({
  verifyWatch: async () => {
    throw new Error('a viewer here makes no statement');
  },
  checkWatch: () => undefined,
  agreedOnResume: async (jws, signKey, viewing) => {
    if (jws !== resumeOf(viewing, String(signKey))) throw new Refusal('resume-invalid', 'signed by another device');
    return asKey('agree');
  },
  encryptSessionKey: (_, viewing) => `session ${viewing}`,
  encryptContentKey: (contentKey, { viewing, epoch }) => `${viewing} ${epoch} ${Buffer.from(contentKey).toString('hex')}`,
  proofKey: (contentKey) => asKey(proofOf(Buffer.from(contentKey).toString('hex'))),
  async verifyReceipt(jws, viewing, signKey, proofKeyOf) {
    const { device, ...statement } = JSON.parse(jws) as ReceiptStatement & { device: string };
    if (device !== String(signKey) || statement.viewing !== viewing) throw new Error('not a receipt of this viewing');
    const key = proofKeyOf(statement.epoch);
    if (key === undefined || String(key) !== statement.proof) throw new Error('the proof is wrong');
    received(viewing, statement.epoch);
    return statement;
  },
});

/** Only who has the key can know it. */
export const proofOf = (key: string): string => createHash('sha256').update(key).digest('hex');

export const resumeOf = (viewing: string, device: string): string => `resume ${viewing} ${device}`;

/** What a viewer finds in an update. */
export function openUpdate(jwe: string): { readonly viewing: string; readonly epoch: number; readonly key: string } {
  const [viewing = '', epoch = '', key = ''] = jwe.split(' ');
  return { viewing, epoch: Number(epoch), key };
}
