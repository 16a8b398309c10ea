import { TollcastError } from '../errors.ts';
import { isCurrency } from './money.ts';
import { Tariff } from './tariff.ts';

/** A tariff as an operator writes it on a command line. Throws code `invalid-tariff`, which names each part that is wrong. */
export function parseTariff(parts: { price: string; currency: string; increment?: string }): Tariff {
  const { price, currency, increment = '1' } = parts;
  const tariff = Tariff.safeParse({
    pricePerMinute: price,
    currency,
    incrementSeconds: /^\d+$/.test(increment) ? Number(increment) : null,
  });
  const wrong = new Set(tariff.error?.issues.map(({ path }) => path[0]));
  if (!isCurrency(currency)) wrong.add('currency');
  if (tariff.success && wrong.size === 0) return tariff.data;
  const faults = [
    ...(wrong.has('pricePerMinute') ? [`price "${price}" is not a decimal such as 0.60`] : []),
    ...(wrong.has('currency') ? [`currency "${currency}" is not an ISO 4217 code such as EUR`] : []),
    ...(wrong.has('incrementSeconds') ? [`increment "${increment}" is not a number of seconds from 1 to 86400`] : []),
  ];
  throw new TollcastError('invalid-tariff', faults.join('; '));
}
