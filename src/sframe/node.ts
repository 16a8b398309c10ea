import { hkdfSync } from 'node:crypto';
import { decrypt, encrypt } from './aead.ts';
import { additionalData, splitCiphertext, tamperedError } from './ciphertext.ts';
import { keyLabel, nonceOf, saltLabel } from './derive.ts';
import { encodeHeader } from './header.ts';
import { NONCE_BYTES, type SFrameSuite } from './suites.ts';

/** Sealing and opening SFrame ciphertexts (RFC 9605, section 4.4) through `node:crypto`, synchronous. */

interface Derived {
  readonly key: Buffer;
  readonly salt: Buffer;
}

/** RFC 9605, section 4.4.2. The two buffers are the caller's to overwrite. */
export function deriveKeyAndSalt(suite: SFrameSuite, kid: number, baseKey: Uint8Array): Derived {
  const derive = (info: Uint8Array, bytes: number) => Buffer.from(hkdfSync(suite.hash, baseKey, new Uint8Array(0), info, bytes));
  return { key: derive(keyLabel(suite, kid), suite.keyBytes), salt: derive(saltLabel(suite, kid), NONCE_BYTES) };
}

/** Seals under one base key. No other sealer may ever have the same one (RFC 9605, section 4.4.1). */
export class SFrameSealer {
  readonly #suite: SFrameSuite;
  readonly #kid: number;
  readonly #derived: Derived;
  #lastCounter = -1;

  /** `kid`: a safe integer. `baseKey` is read once and not kept. */
  constructor(suite: SFrameSuite, kid: number, baseKey: Uint8Array) {
    this.#suite = suite;
    this.#kid = kid;
    this.#derived = deriveKeyAndSalt(suite, kid, baseKey);
  }

  /**
   * Header, encrypted data and tag in one new buffer, behind `headroomBytes` that the caller fills: what precedes a ciphertext
   * on the wire needs no second copy. `metadata` is authenticated and not included.
   * @throws Error if `counter` does not exceed every one before: a nonce used twice gives the key's plaintexts away.
   */
  seal(counter: number, metadata: Uint8Array, plaintext: Uint8Array, headroomBytes = 0): Buffer {
    if (!(counter > this.#lastCounter)) throw new Error(`SFrame counter ${counter} after ${this.#lastCounter} under one key`);
    this.#lastCounter = counter;
    const { key, salt } = this.#derived;
    const header = encodeHeader(this.#kid, counter);
    const { data, tag } = encrypt(this.#suite, key, nonceOf(salt, counter), additionalData(header, metadata), plaintext);
    const dataAt = headroomBytes + header.length;
    const out = Buffer.allocUnsafe(dataAt + data.length + tag.length);
    out.set(header, headroomBytes);
    out.set(data, dataAt);
    out.set(tag, dataAt + data.length);
    return out;
  }

  /** Overwrites the derived key; sealing is over. */
  wipe(): void {
    this.#lastCounter = Number.POSITIVE_INFINITY;
    this.#derived.key.fill(0);
    this.#derived.salt.fill(0);
  }
}

export interface Opened {
  readonly counter: number;
  readonly plaintext: Buffer;
}

/** Opens what was sealed under one base key. Whether a counter may come again is the caller's to decide. */
export class SFrameOpener {
  readonly #suite: SFrameSuite;
  readonly #kid: number;
  readonly #derived: Derived;

  /** `kid`: a safe integer. `baseKey` is read once and not kept. */
  constructor(suite: SFrameSuite, kid: number, baseKey: Uint8Array) {
    this.#suite = suite;
    this.#kid = kid;
    this.#derived = deriveKeyAndSalt(suite, kid, baseKey);
  }

  /** @throws SFrameError */
  open(metadata: Uint8Array, ciphertext: Uint8Array): Opened {
    const { counter, header, sealed } = splitCiphertext(ciphertext, this.#kid, this.#suite);
    const { key, salt } = this.#derived;
    const tagAt = sealed.length - this.#suite.tagBytes;
    const plaintext = decrypt(this.#suite, key, nonceOf(salt, counter), additionalData(header, metadata), {
      data: sealed.subarray(0, tagAt),
      tag: sealed.subarray(tagAt),
    });
    if (plaintext === undefined) throw tamperedError(this.#kid, counter);
    return { counter, plaintext };
  }
}
