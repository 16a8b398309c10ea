import { SFrameError } from './errors.ts';
import { decodeHeader } from './header.ts';
import type { SFrameSuite } from './suites.ts';

/** An SFrame ciphertext (RFC 9605, section 4.2): header, encrypted data, tag. */
export interface CiphertextParts<B extends Uint8Array> {
  readonly counter: number;
  readonly header: B;
  /** Encrypted data and tag. */
  readonly sealed: B;
}

/**
 * Takes a ciphertext apart that is to be opened with the key of `kid`. The parts are views into it.
 * @throws SFrameError `sframe-truncated`, `sframe-malformed-header` or `sframe-unknown-kid`
 */
export function splitCiphertext(
  ciphertext: Uint8Array<ArrayBuffer>,
  kid: number,
  suite: SFrameSuite,
): CiphertextParts<Uint8Array<ArrayBuffer>>;
export function splitCiphertext(ciphertext: Uint8Array, kid: number, suite: SFrameSuite): CiphertextParts<Uint8Array>;
export function splitCiphertext(ciphertext: Uint8Array, kid: number, suite: SFrameSuite): CiphertextParts<Uint8Array> {
  const header = decodeHeader(ciphertext);
  if (header.kid !== BigInt(kid)) throw new SFrameError('sframe-unknown-kid', `sealed under key ${header.kid}, not ${kid}`);
  if (ciphertext.length < header.byteLength + suite.tagBytes) {
    throw new SFrameError('sframe-truncated', `an SFrame ciphertext of ${ciphertext.length} bytes has no room for its tag`);
  }
  if (header.counter > Number.MAX_SAFE_INTEGER) {
    throw new SFrameError('sframe-malformed-header', `no sender reaches the counter ${header.counter}`);
  }
  return {
    counter: Number(header.counter),
    header: ciphertext.subarray(0, header.byteLength),
    sealed: ciphertext.subarray(header.byteLength),
  };
}

/** What is authenticated beside the encrypted data: the header, then the metadata (section 4.4.3). */
export function additionalData(header: Uint8Array, metadata: Uint8Array): Uint8Array<ArrayBuffer> {
  const aad = new Uint8Array(header.length + metadata.length);
  aad.set(header);
  aad.set(metadata, header.length);
  return aad;
}

export const tamperedError = (kid: number, counter: number, cause?: unknown): SFrameError =>
  new SFrameError('sframe-tampered', `ciphertext ${counter} under key ${kid} is not authentic`, { cause });
