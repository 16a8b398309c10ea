import type { KeyObject } from 'node:crypto';
import type { KeyOffer } from '../keys/content-key.ts';
import type { EncryptorExchange } from './encryptor-exchange.ts';

/** More than an encryptor takes on offer at once. */
const MAX_GIVEN = 8;

interface GivenKey {
  /** As it was offered last. */
  offer: KeyOffer;
  /** Until when it can be sealed under, whichever of its offers the encryptor goes by. */
  untilMs: number;
  /** First. */
  readonly givenMs: number;
  readonly proofKey: KeyObject;
  confirmed: boolean;
}

/** The keys that one encryptor process was given for one broadcast and has not begun, or begun last. */
export class RemoteKeys {
  readonly #keys = new Map<number, GivenKey>();
  readonly #exchange: EncryptorExchange;

  constructor(exchange: EncryptorExchange) {
    this.#exchange = exchange;
  }

  /** One that is offered again has other times, and is confirmed if it was. */
  give(offer: KeyOffer, nowMs: number): void {
    const { epoch, contentKey } = offer.key;
    const untilMs = offer.notAfterMs + offer.lifetimeMs;
    const known = this.#keys.get(epoch);
    if (known !== undefined) {
      known.offer.key.contentKey.fill(0);
      known.offer = offer;
      known.untilMs = Math.max(known.untilMs, untilMs);
      return;
    }
    this.#keys.set(epoch, { offer, untilMs, givenMs: nowMs, proofKey: this.#exchange.proofKey(contentKey), confirmed: false });
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > MAX_GIVEN && oldest !== undefined) this.begin(oldest);
  }

  /** What an epoch's key was offered with last, until it has begun. */
  offerOf(epoch: number): KeyOffer | undefined {
    return this.#keys.get(epoch)?.offer;
  }

  /** Whatever was given and has not begun, confirmed or not. */
  get outstanding(): readonly KeyOffer[] {
    return [...this.#keys.values()].map(({ offer }) => offer);
  }

  /**
   * @returns the epoch that a receipt confirms; undefined if it was confirmed before
   * @throws where the receipt is not valid, or about a key that was not given
   */
  confirm(jws: string, of: { encryptor: string; program: string }, signKey: KeyObject): number | undefined {
    const epoch = this.#exchange.verifyReceipt(jws, of, signKey, (given) => this.#keys.get(given)?.proofKey);
    const key = this.#keys.get(epoch);
    if (key === undefined || key.confirmed) return undefined;
    key.confirmed = true;
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
    return Math.max(0, ...[...this.#keys.values()].map(({ untilMs }) => untilMs));
  }

  forget(): void {
    this.begin(Number.POSITIVE_INFINITY);
  }
}
