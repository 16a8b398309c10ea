import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import type { Timers } from '../clock.ts';
import { messageOf, TollcastError } from '../errors.ts';
import { fileStamp } from '../file-stamp.ts';
import { type CertificateTime, timeOf } from './certificate-time.ts';
import { CertificateWatch } from './certificate-watch.ts';

/** Certificate chain and private key, PEM. */
export interface CertificatePair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** The part of a TLS or HTTPS server that this needs. */
export interface TlsServer {
  setSecureContext(pair: CertificatePair): void;
}

/** What a server shows at first, and later on. */
export interface CertificateSource extends CertificatePair {
  /** Has a server show what is current from now on. */
  follow(server: TlsServer): void;
}

/** The part of `process` that this needs. */
interface SignalHost {
  on(signal: 'SIGHUP', listener: () => void): unknown;
  off(signal: 'SIGHUP', listener: () => void): unknown;
}

interface CertificatePorts {
  readonly log: Logger;
  readonly timers: Timers;
  readonly signals?: SignalHost;
  /** Whether a certificate is good is a matter of the wall clock, as it is at the moment. */
  readonly wallNowMs?: () => number;
}

const LOOK_MS = 1_000;

/**
 * What TLS servers show, from files that are read again when they change, or at SIGHUP: connections from then on get the new
 * certificate, those that are open go on. A pair that is broken leaves the one before in place.
 */
export class Certificates implements CertificateSource {
  readonly #files: CertificateFiles;
  readonly #log: Logger;
  readonly #timers: Timers;
  readonly #signals: SignalHost;
  readonly #wallNowMs: () => number;
  readonly #watch: CertificateWatch;
  readonly #servers = new Set<TlsServer>();
  #pair: CertificatePair;
  #time: CertificateTime;
  /** The files as they were read last, well or not, and as they were looked at last. */
  #readStamp: string;
  #seenStamp: string;
  #cancel: () => void = () => undefined;

  /** @throws TollcastError `config-invalid` where they cannot be read, or are no certificate with its key */
  constructor(files: CertificateFiles, ports: CertificatePorts) {
    this.#files = files;
    this.#log = ports.log;
    this.#timers = ports.timers;
    this.#signals = ports.signals ?? process;
    this.#wallNowMs = ports.wallNowMs ?? Date.now;
    this.#watch = new CertificateWatch(files.certFile, ports.log);
    this.#readStamp = this.#stamp();
    this.#seenStamp = this.#readStamp;
    this.#pair = readPair(files);
    this.#time = timeOf(this.#pair.cert);
    this.#watch.begin(this.#time, this.#wallNowMs());
    this.#signals.on('SIGHUP', this.#onSignal);
    this.#lookAgain();
  }

  get cert(): Buffer {
    return this.#pair.cert;
  }

  get key(): Buffer {
    return this.#pair.key;
  }

  /** When what is shown runs out. Wall-clock milliseconds. */
  get expiryMs(): number {
    return this.#time.toMs;
  }

  follow(server: TlsServer): void {
    this.#servers.add(server);
  }

  close(): void {
    this.#cancel();
    this.#signals.off('SIGHUP', this.#onSignal);
  }

  readonly #onSignal = (): void => this.#reload(this.#stamp());

  #lookAgain(): void {
    this.#cancel = this.#timers.after(LOOK_MS, () => {
      this.#look();
      this.#watch.look(this.#time, this.#wallNowMs());
      this.#lookAgain();
    });
  }

  /** A certificate and its key are written one after the other: they are read once both stood still for a look. */
  #look(): void {
    const stamp = this.#stamp();
    const stoodStill = stamp === this.#seenStamp;
    this.#seenStamp = stamp;
    if (stoodStill && stamp !== this.#readStamp) this.#reload(stamp);
  }

  #reload(stamp: string): void {
    this.#readStamp = stamp;
    const { certFile } = this.#files;
    try {
      const pair = readPair(this.#files);
      for (const server of this.#servers) server.setSecureContext(pair);
      this.#pair = pair;
      const certificate = new X509Certificate(pair.cert);
      const { validTo, fingerprint256 } = certificate;
      this.#log.info({ certFile, validTo, fingerprint256 }, 'the TLS certificate was read again');
      this.#time = timeOf(certificate);
      this.#watch.begin(this.#time, this.#wallNowMs());
    } catch (error) {
      this.#log.error(
        { certFile, reason: messageOf(error) },
        'the new TLS certificate cannot be used: the one before stays in place; put a certificate and its key there',
      );
    }
  }

  #stamp(): string {
    const { certFile, keyFile } = this.#files;
    return [certFile, keyFile]
      .map((file) => {
        try {
          return fileStamp(file);
        } catch (error) {
          return messageOf(error);
        }
      })
      .join('\n');
  }
}

/** @throws TollcastError `config-invalid` */
export function readPair({ certFile, keyFile }: CertificateFiles): CertificatePair {
  let pair: CertificatePair;
  try {
    pair = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  } catch (error) {
    throw new TollcastError('config-invalid', `a TLS file cannot be read: ${messageOf(error)}`);
  }
  try {
    createSecureContext(pair);
  } catch (error) {
    throw new TollcastError('config-invalid', `${certFile} and ${keyFile} are no certificate with its key: ${messageOf(error)}`);
  }
  return pair;
}
