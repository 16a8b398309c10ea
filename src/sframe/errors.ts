import { TollcastError } from '../errors.ts';

/** Why an SFrame ciphertext could not be opened. */
export type SFrameErrorCode =
  /** Shorter than its header and authentication tag. */
  | 'sframe-truncated'
  /** A header that no conforming sender writes, or a counter that no sender reaches. */
  | 'sframe-malformed-header'
  /** Sealed under another key than the one at hand: the key may still be on its way (RFC 9605, section 4.4.4). */
  | 'sframe-unknown-kid'
  /** Header, metadata, data or tag are not what was sealed under this key. */
  | 'sframe-tampered';

export class SFrameError extends TollcastError {
  declare readonly code: SFrameErrorCode;

  constructor(code: SFrameErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'SFrameError';
  }
}
