import type { Tariff } from '../billing/tariff.ts';

/** How money and time are written for the viewer. `locale` undefined: the browser's. */

/** A decimal in the major unit as the locale writes money, with no digit lost: "0.125" EUR is €0.125. */
export function formatMoney(amount: string, currency: string, locale?: string): string {
  const digits = amount.split('.')[1]?.replace(/0+$/, '').length ?? 0;
  const usual = new Intl.NumberFormat(locale, { style: 'currency', currency });
  const { maximumFractionDigits = 2 } = usual.resolvedOptions();
  if (digits <= maximumFractionDigits) return usual.format(Number(amount));
  return new Intl.NumberFormat(locale, { style: 'currency', currency, maximumFractionDigits: digits }).format(Number(amount));
}

export const isFree = (tariff: Tariff): boolean => Number(tariff.pricePerMinute) === 0;

/** "0:07", "12:34", "1:02:03". */
export function formatTime(wholeSeconds: number): string {
  const hours = Math.floor(wholeSeconds / 3600);
  const minutes = Math.floor(wholeSeconds / 60) % 60;
  const seconds = String(wholeSeconds % 60).padStart(2, '0');
  return hours === 0 ? `${minutes}:${seconds}` : `${hours}:${String(minutes).padStart(2, '0')}:${seconds}`;
}

/** "about 4 seconds", "about 3 minutes". */
export function formatAbout(forMs: number): string {
  const seconds = Math.max(1, Math.ceil(forMs / 1_000));
  const [count, unit] = seconds < 90 ? [seconds, 'second'] : [Math.round(seconds / 60), 'minute'];
  return `about ${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** "€0.60 per minute, billed by the second". */
export function formatTariff(tariff: Tariff, locale?: string): string {
  if (isFree(tariff)) return 'Free';
  const price = `${formatMoney(tariff.pricePerMinute, tariff.currency, locale)} per minute`;
  const { incrementSeconds } = tariff;
  if (incrementSeconds === 1) return `${price}, billed by the second`;
  if (incrementSeconds === 60) return `${price}, billed by the minute`;
  return `${price}, billed in steps of ${incrementSeconds} seconds`;
}

/** The words on the button that consents to the price. */
export const formatConsent = (tariff: Tariff, locale?: string): string =>
  isFree(tariff) ? 'Watch for free' : `Watch for ${formatMoney(tariff.pricePerMinute, tariff.currency, locale)} / min`;
