import { additionalData, splitCiphertext, tamperedError } from './ciphertext.ts';
import { keyLabel, nonceOf, saltLabel } from './derive.ts';
import { CHUNK_SUITE, NONCE_BYTES } from './suites.ts';

/**
 * Opening SFrame ciphertexts with WebCrypto alone, for browsers and Node alike. Only suite 5 (AES_256_GCM_SHA512_128), which is
 * what chunks are sealed with: a viewer has no use for the others.
 */
export interface Opened {
  readonly counter: number;
  readonly plaintext: Uint8Array<ArrayBuffer>;
}

/** Opens what was sealed under one base key. Whether a counter may come again is the caller's to decide. */
export class WebSFrameOpener {
  readonly #kid: number;
  readonly #key: CryptoKey;
  readonly #salt: Uint8Array<ArrayBuffer>;

  private constructor(kid: number, key: CryptoKey, salt: Uint8Array<ArrayBuffer>) {
    this.#kid = kid;
    this.#key = key;
    this.#salt = salt;
  }

  /** `kid`: a safe integer. `baseKey` is read before this returns and not kept; the derived key cannot be extracted. */
  static async create(kid: number, baseKey: Uint8Array): Promise<WebSFrameOpener> {
    const { subtle } = globalThis.crypto;
    const base = await subtle.importKey('raw', Uint8Array.from(baseKey), 'HKDF', false, ['deriveKey', 'deriveBits']);
    const hkdf = (info: Uint8Array<ArrayBuffer>) => ({ name: 'HKDF', hash: 'SHA-512', salt: new Uint8Array(0), info });
    const [key, salt] = await Promise.all([
      subtle.deriveKey(hkdf(keyLabel(CHUNK_SUITE, kid)), base, { name: 'AES-GCM', length: 256 }, false, ['decrypt']),
      subtle.deriveBits(hkdf(saltLabel(CHUNK_SUITE, kid)), base, NONCE_BYTES * 8),
    ]);
    return new WebSFrameOpener(kid, key, new Uint8Array(salt));
  }

  /**
   * Rejects with an SFrameError. Calls may overlap; they settle in any order.
   * @param metadata what was authenticated beside the ciphertext: for a chunk, its flags byte
   */
  async open(metadata: Uint8Array, ciphertext: Uint8Array<ArrayBuffer>): Promise<Opened> {
    const { counter, header, sealed } = splitCiphertext(ciphertext, this.#kid, CHUNK_SUITE);
    const algorithm = {
      name: 'AES-GCM',
      iv: nonceOf(this.#salt, counter),
      additionalData: additionalData(header, metadata),
      tagLength: CHUNK_SUITE.tagBytes * 8,
    };
    try {
      return { counter, plaintext: new Uint8Array(await globalThis.crypto.subtle.decrypt(algorithm, this.#key, sealed)) };
    } catch (cause) {
      throw tamperedError(this.#kid, counter, cause);
    }
  }
}
