import type { Logger } from 'pino';
import { unreachable } from '../errors.ts';
import { type CertificateTime, type Standing, standingOf } from './certificate-time.ts';

const AGAIN_MS = 86_400_000;

/** Says in the log that a certificate is not good, or not for long: when it becomes so, and once a day from then on. */
export class CertificateWatch {
  readonly #certFile: string;
  readonly #log: Logger;
  #told: { readonly is: Standing['is']; readonly atMs: number } | undefined;

  constructor(certFile: string, log: Logger) {
    this.#certFile = certFile;
    this.#log = log;
  }

  /** Another certificate is shown from now on: whatever was said was of the one before. */
  begin(time: CertificateTime, nowMs: number): void {
    this.#told = undefined;
    this.look(time, nowMs);
  }

  /** @param nowMs wall-clock milliseconds */
  look(time: CertificateTime, nowMs: number): void {
    const standing = standingOf(time, nowMs);
    if (this.#told?.is === standing.is && Math.abs(nowMs - this.#told.atMs) < AGAIN_MS) return;
    this.#told = { is: standing.is, atMs: nowMs };
    const about = {
      certFile: this.#certFile,
      validFrom: new Date(time.fromMs).toISOString(),
      validTo: new Date(time.toMs).toISOString(),
    };
    const what = wording(standing);
    if (what !== undefined) this.#log.warn(about, what);
  }
}

function wording(standing: Standing): string | undefined {
  switch (standing.is) {
    case 'good':
      return undefined;
    case 'soon-over':
      return 'the TLS certificate runs out soon: put a new one in its place, and it is read by itself';
    case 'over':
      return 'the TLS certificate has run out, and clients refuse it: put a new one in its place, and it is read by itself';
    case 'not-yet':
      return 'the TLS certificate is not valid yet, and clients refuse it: check the clock, or the certificate';
    default:
      return unreachable(standing);
  }
}
