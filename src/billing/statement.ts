import { type Charge, chargeOf } from './charge.ts';
import { formatMinor } from './money.ts';
import { isWithin, type Period } from './period.ts';
import { sameTariff } from './tariff.ts';
import type { ViewingRecord } from './viewing-record.ts';

/**
 * What is owed for a period (DESIGN.md, section 2, "statement"): one charge for each viewer, broadcast and tariff. A charge
 * belongs to the period in which its first viewing started, whole, so that periods that follow each other bill everything once.
 *
 * @param viewings all of a viewer's viewings of a broadcast one after another, as `LedgerReader.viewings` yields them. No more
 *   than those are held at a time.
 */
export function* charges(viewings: Iterable<ViewingRecord>, period: Period = {}): Generator<Charge, void> {
  for (const group of byViewerAndBroadcast(viewings)) {
    for (const records of byTariff(group)) {
      const charge = chargeOf(records);
      if (charge !== undefined && isWithin(charge.startedAtMs, period)) yield charge;
    }
  }
}

function* byViewerAndBroadcast(viewings: Iterable<ViewingRecord>): Generator<readonly ViewingRecord[]> {
  let group: ViewingRecord[] = [];
  for (const record of viewings) {
    const first = group[0];
    if (first !== undefined && (first.viewer !== record.viewer || first.broadcast !== record.broadcast)) {
      yield group;
      group = [];
    }
    group.push(record);
  }
  if (group.length > 0) yield group;
}

/** A price may change in mid-broadcast; who consented to the old one and then to the new one owes two charges. */
function byTariff(records: readonly ViewingRecord[]): ViewingRecord[][] {
  const groups: ViewingRecord[][] = [];
  for (const record of records) {
    const group = groups.find(([first]) => first !== undefined && sameTariff(first.tariff, record.tariff));
    if (group === undefined) groups.push([record]);
    else group.push(record);
  }
  return groups;
}

/** What the charges in one currency come to. */
export interface Total {
  readonly currency: string;
  readonly charges: number;
  readonly amountMinor: bigint;
  readonly amount: string;
}

/** Adds up charges, each currency for itself. */
export class Totals {
  readonly #sums = new Map<string, { charges: number; amountMinor: bigint }>();

  add({ tariff: { currency }, amountMinor }: Charge): void {
    const sum = this.#sums.get(currency) ?? { charges: 0, amountMinor: 0n };
    this.#sums.set(currency, { charges: sum.charges + 1, amountMinor: sum.amountMinor + amountMinor });
  }

  /** In the order of the currencies' codes. */
  list(): Total[] {
    return [...this.#sums]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([currency, sum]) => ({ currency, ...sum, amount: formatMinor(sum.amountMinor, currency) }));
  }
}
