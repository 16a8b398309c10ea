import type { CryptoKey } from 'jose';
import type { KeyOffer } from '../keys/content-key.ts';
import { verifyEncryptorReceipt } from '../keys/encryptor-receipt.ts';
import { proofKey } from '../keys/possession.ts';

interface GivenKey {
  readonly offer: KeyOffer;
  readonly givenMs: number;
  readonly proofKey: Promise<globalThis.CryptoKey>;
  confirmed: boolean;
}

/** The keys that one encryptor process was given for one broadcast and has not begun, or begun last. */
export class RemoteKeys {
  readonly #keys = new Map<number, GivenKey>();

  give(offer: KeyOffer, nowMs: number): void {
    const { epoch, contentKey } = offer.key;
    this.#keys.set(epoch, { offer, givenMs: nowMs, proofKey: proofKey(contentKey), confirmed: false });
  }

  /** Whether its key is still to be sent. */
  awaits(epoch: number): boolean {
    return this.#keys.get(epoch)?.confirmed === false;
  }

  get unconfirmed(): readonly KeyOffer[] {
    return [...this.#keys.values()].filter(({ confirmed }) => !confirmed).map(({ offer }) => offer);
  }

  /**
   * @returns the epoch that a receipt confirms; undefined if it was confirmed before
   * @throws where the receipt is not valid, or about a key that was not given
   */
  async confirm(jws: string, of: { encryptor: string; program: string }, signKey: CryptoKey): Promise<number | undefined> {
    const epoch = await verifyEncryptorReceipt(jws, of, signKey, (given) => this.#keys.get(given)?.proofKey);
    const key = this.#keys.get(epoch);
    if (key === undefined || key.confirmed) return undefined;
    key.confirmed = true;
    key.offer.key.contentKey.fill(0);
    return epoch;
  }

  /** When a confirmed key was given; undefined for any other. */
  confirmedMs(epoch: number): number | undefined {
    const key = this.#keys.get(epoch);
    return key?.confirmed ? key.givenMs : undefined;
  }

  /** It has begun: it and those before it are done with. */
  begin(epoch: number): void {
    for (const [known, { offer }] of this.#keys) {
      if (known > epoch) continue;
      offer.key.contentKey.fill(0);
      this.#keys.delete(known);
    }
  }

  /** Until when what was given can be sealed under. */
  get lastUntilMs(): number {
    return Math.max(0, ...[...this.#keys.values()].map(({ offer }) => offer.notAfterMs + offer.lifetimeMs));
  }

  forget(): void {
    this.begin(Number.POSITIVE_INFINITY);
  }
}
