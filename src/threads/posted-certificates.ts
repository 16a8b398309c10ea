import type { CertificatePair, CertificateSource, TlsServer } from '../config/certificates.ts';

/** A thread's certificates: the main thread reads the files, once for all. */
export class PostedCertificates implements CertificateSource {
  readonly #servers = new Set<TlsServer>();
  #pair: CertificatePair;

  constructor(pair: CertificatePair) {
    this.#pair = asBuffers(pair);
  }

  get cert(): Buffer {
    return this.#pair.cert;
  }

  get key(): Buffer {
    return this.#pair.key;
  }

  follow(server: TlsServer): void {
    this.#servers.add(server);
  }

  receive(pair: CertificatePair): void {
    this.#pair = asBuffers(pair);
    for (const server of this.#servers) server.setSecureContext(this.#pair);
  }
}

/** A buffer that was posted is an array of bytes. */
const asBuffers = ({ cert, key }: CertificatePair): CertificatePair => ({ cert: Buffer.from(cert), key: Buffer.from(key) });
