import type { Charge, ChargedViewing } from './charge.ts';
import { isoTime } from './iso-time.ts';
import { Totals } from './statement.ts';

/** `{"charges": […], "totals": […]}`, a charge a line; the totals come last because they are known last. */
export function* jsonDocument(charges: Iterable<Charge>): Generator<string> {
  const totals = new Totals();
  yield '{"charges":[';
  let separator = '\n';
  for (const charge of charges) {
    totals.add(charge);
    yield separator + JSON.stringify(chargeJson(charge));
    separator = ',\n';
  }
  const list = totals.list().map(({ currency, charges, amount }) => ({ currency, charges, amount }));
  yield `\n],"totals":${JSON.stringify(list)}}\n`;
}

/** Each charge a JSON document on a line of its own. */
export function* ndjsonLines(charges: Iterable<Charge>): Generator<string> {
  for (const charge of charges) yield `${JSON.stringify(chargeJson(charge))}\n`;
}

/** Amounts and prices are decimal strings, so that no reader makes floats of them; times are ISO 8601, UTC. */
const chargeJson = (charge: Charge) => ({
  viewer: charge.viewer,
  program: charge.program,
  broadcast: charge.broadcast,
  startedAt: isoTime(charge.startedAtMs),
  endedAt: charge.endedAtMs === undefined ? null : isoTime(charge.endedAtMs),
  endedBy: charge.endedBy,
  billableMs: charge.billableMs,
  billableSeconds: charge.billableSeconds,
  currency: charge.tariff.currency,
  pricePerMinute: charge.tariff.pricePerMinute,
  incrementSeconds: charge.tariff.incrementSeconds,
  amount: charge.amount,
  viewings: charge.viewings.map(viewingJson),
});

const viewingJson = (viewing: ChargedViewing) => ({
  viewing: viewing.viewing,
  token: viewing.token,
  startedAt: isoTime(viewing.startedAtMs),
  endedAt: viewing.endedAtMs === undefined ? null : isoTime(viewing.endedAtMs),
  endedBy: viewing.endedBy,
  billableMs: viewing.billableMs,
  receipts: viewing.receipts,
});
