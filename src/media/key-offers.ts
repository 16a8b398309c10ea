import { TollcastError } from '../errors.ts';
import { CONTENT_KEY_BYTES, type KeyOffer } from '../keys/content-key.ts';

/** An owner has one epoch ahead, two around a forced change. */
const MAX_OFFERS = 4;

/** The epochs that have been offered and have not begun. Numbers only grow: an epoch begins once at most. */
export class KeyOffers {
  #offers: KeyOffer[] = [];
  #lastBegun = 0;

  /**
   * Replaces an offer of the same epoch.
   * @throws TollcastError `epoch-used`, `key-invalid` or `too-many-offers`
   */
  add(offer: KeyOffer): void {
    const { epoch, contentKey } = offer.key;
    if (!Number.isSafeInteger(epoch) || epoch <= this.#lastBegun) {
      throw new TollcastError(
        'epoch-used',
        `epoch ${epoch} is offered after epoch ${this.#lastBegun} has begun; offer a later one`,
      );
    }
    if (contentKey.length !== CONTENT_KEY_BYTES) {
      throw new TollcastError('key-invalid', `a content key of ${contentKey.length} bytes; ${CONTENT_KEY_BYTES} belong`);
    }
    const others = this.#offers.filter((each) => each.key.epoch !== epoch);
    if (others.length >= MAX_OFFERS) {
      throw new TollcastError('too-many-offers', `${MAX_OFFERS} epochs are on offer already; wait until one begins`);
    }
    this.#offers = [...others, offer];
  }

  get isEmpty(): boolean {
    return this.#offers.length === 0;
  }

  /** When the first of them may begin, or undefined if there are none. */
  get earliestMs(): number | undefined {
    return this.isEmpty ? undefined : Math.min(...this.#offers.map((offer) => offer.notBeforeMs));
  }

  /** The newest that may begin now, and whether one that may begin now is past its time. */
  ripe(nowMs: number): { offer: KeyOffer; overdue: boolean } | undefined {
    const ripe = this.#offers.filter((offer) => offer.notBeforeMs <= nowMs);
    const [first, ...rest] = ripe;
    if (first === undefined) return undefined;
    const offer = rest.reduce((newest, each) => (each.key.epoch > newest.key.epoch ? each : newest), first);
    return { offer, overdue: ripe.some((each) => each.notAfterMs <= nowMs) };
  }

  /** It begins: it and every earlier one are off the table, for good. */
  begin({ key: { epoch } }: KeyOffer): void {
    this.#lastBegun = epoch;
    this.#offers = this.#offers.filter((offer) => offer.key.epoch > epoch);
  }

  clear(): void {
    this.#offers = [];
  }
}
