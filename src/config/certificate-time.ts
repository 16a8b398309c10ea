import { X509Certificate } from 'node:crypto';

const DAY_MS = 86_400_000;
/** Whoever renews by itself does so weeks before: with less left, something keeps it from that. */
const SOON_DAYS = 14;

/** From when and until when a certificate is good. Wall-clock milliseconds since 1970. */
export interface CertificateTime {
  readonly fromMs: number;
  readonly toMs: number;
}

/** As a certificate says at an instant whether it is good. Days are whole, and of the rest of its time. */
export type Standing =
  | { readonly is: 'not-yet' }
  | { readonly is: 'over' }
  | { readonly is: 'soon-over'; readonly days: number }
  | { readonly is: 'good'; readonly days: number };

/** @param certificate PEM; of several, the first, which is the server's own (RFC 8446, section 4.4.2) */
export function timeOf(certificate: Buffer | X509Certificate): CertificateTime {
  const { validFrom, validTo } = certificate instanceof X509Certificate ? certificate : new X509Certificate(certificate);
  return { fromMs: Date.parse(validFrom), toMs: Date.parse(validTo) };
}

export function standingOf({ fromMs, toMs }: CertificateTime, nowMs: number): Standing {
  if (nowMs < fromMs) return { is: 'not-yet' };
  if (nowMs > toMs) return { is: 'over' };
  const days = Math.floor((toMs - nowMs) / DAY_MS);
  return { is: days < SOON_DAYS ? 'soon-over' : 'good', days };
}
