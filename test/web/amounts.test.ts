import { expect, test } from '@jest/globals';
import { formatAmount } from '../../src/web/console/amounts.ts';

test.each([
  ['0.91', 'EUR', /0\D91/],
  ['60', 'JPY', /60$/],
  ['1.250', 'KWD', /1\D250/],
  ['12.30', 'HUF', /12\D30/],
])('an amount of %s %s is shown with all its decimals', (amount, currency, written) => {
  expect(formatAmount({ amount, currency })).toMatch(written);
});
