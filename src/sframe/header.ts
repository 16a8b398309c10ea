import { SFrameError } from './errors.ts';

/**
 * The SFrame header (RFC 9605, section 4.3): a config byte `X KKK Y CCC`, then the key id and the counter as far as they did
 * not fit into it. Values below 8 stand in the config byte; others follow it, big-endian, in as few bytes as they need.
 */
export interface SFrameHeader {
  readonly kid: bigint;
  readonly counter: bigint;
  /** Length of the header itself: 1 to 17. */
  readonly byteLength: number;
}

const MAX_UINT64 = 2n ** 64n - 1n;
/** X or Y: the field holds the length of the value, less one, instead of the value. */
const EXTENDED = 8;

/** @throws RangeError for a value that is not an unsigned 64-bit integer (a `number` beyond 2^53 - 1 is not exact). */
export function encodeHeader(kid: bigint | number, counter: bigint | number): Uint8Array<ArrayBuffer> {
  const kidBytes = compactBytes(uint64(kid));
  const counterBytes = compactBytes(uint64(counter));
  const out = new Uint8Array(1 + kidBytes + counterBytes);
  const k = kidBytes === 0 ? Number(kid) : EXTENDED | (kidBytes - 1);
  const c = counterBytes === 0 ? Number(counter) : EXTENDED | (counterBytes - 1);
  out[0] = (k << 4) | c;
  writeBigEndian(out, 1, kidBytes, uint64(kid));
  writeBigEndian(out, 1 + kidBytes, counterBytes, uint64(counter));
  return out;
}

/**
 * Reads the header at the start of a ciphertext. The RFC obliges senders to the shortest form; a longer one is refused here, so
 * that each (key id, counter) has one encoding.
 * @throws SFrameError `sframe-truncated` or `sframe-malformed-header`
 */
export function decodeHeader(bytes: Uint8Array): SFrameHeader {
  const config = bytes[0];
  if (config === undefined) throw new SFrameError('sframe-truncated', 'an SFrame ciphertext of no bytes');
  const k = config >> 4;
  const c = config & 15;
  const kidBytes = k & EXTENDED ? (k & 7) + 1 : 0;
  const counterBytes = c & EXTENDED ? (c & 7) + 1 : 0;
  const byteLength = 1 + kidBytes + counterBytes;
  if (bytes.length < byteLength)
    throw new SFrameError('sframe-truncated', `an SFrame header cut off after ${bytes.length} bytes`);
  return {
    kid: kidBytes === 0 ? BigInt(k) : readBigEndian(bytes, 1, kidBytes),
    counter: counterBytes === 0 ? BigInt(c) : readBigEndian(bytes, 1 + kidBytes, counterBytes),
    byteLength,
  };
}

function uint64(value: bigint | number): bigint {
  const exact = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!exact || value < 0 || value > MAX_UINT64) throw new RangeError(`${value} is not an exact unsigned 64-bit integer`);
  return BigInt(value);
}

/** How many bytes follow the config byte for this value: 0 if it stands in the config byte. */
function compactBytes(value: bigint): number {
  if (value < EXTENDED) return 0;
  let bytes = 1;
  for (let rest = value >> 8n; rest > 0n; rest >>= 8n) bytes++;
  return bytes;
}

function writeBigEndian(out: Uint8Array, at: number, bytes: number, value: bigint): void {
  let rest = value;
  for (let i = at + bytes - 1; i >= at; i--, rest >>= 8n) out[i] = Number(rest & 0xffn);
}

function readBigEndian(bytes: Uint8Array, at: number, length: number): bigint {
  let value = 0n;
  for (const byte of bytes.subarray(at, at + length)) value = (value << 8n) | BigInt(byte);
  if (compactBytes(value) !== length) {
    throw new SFrameError('sframe-malformed-header', `the value ${value} in ${length} bytes: not the shortest encoding`);
  }
  return value;
}
