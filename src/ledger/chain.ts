import { hash } from 'node:crypto';
import type { Stamp } from './entry.ts';

export const HASH_BYTES = 32;

/** What the first entry is chained to. */
export const GENESIS: Uint8Array = new Uint8Array(HASH_BYTES);
/** The same in hex. */
export const GENESIS_HEX: string = '00'.repeat(HASH_BYTES);

/** What an entry's hash covers, besides the entry before it. */
export interface Link extends Stamp {
  readonly seq: number;
  readonly kind: string;
  /** The JSON text as it is stored, to the byte: re-serializing it may give another text, and another hash. */
  readonly body: string;
}

/**
 * The hash that makes the ledger a chain (DESIGN.md, section 4, "Ledger"). An auditor computes it anew with:
 *
 * ```
 * hash(0) = 32 zero bytes
 * hash(n) = SHA-256( hash(n-1) ‖ int64(seq) ‖ text(boot) ‖ int64(monoMs) ‖ int64(wallMs) ‖ text(kind) ‖ text(body) )
 *
 * int64(i) = 8 bytes, big-endian, two's complement
 * text(t)  = the number of bytes of t in UTF-8, as 4 bytes, big-endian, unsigned; then those bytes
 * ```
 *
 * seq, boot, mono_ms, wall_ms, kind and body are the columns of table `entries`. Every field has a fixed width or says its
 * own, so no two different entries give the same bytes.
 *
 * @throws RangeError when seq, monoMs or wallMs is no safe integer.
 */
export function entryHash(previous: Uint8Array, link: Link): Buffer {
  const end = encode(link);
  encoded.set(previous, 0);
  return hash('sha256', encoded.subarray(0, end), 'buffer');
}

/**
 * The same of an entry that was read, with both hashes in hex: to make a Buffer of each takes as long as to hash it.
 *
 * @returns undefined where the entry has a time beyond what a number holds: no writer computed a hash of that
 */
export function entryHashHex(previous: string, link: Link): string | undefined {
  if (![link.seq, link.monoMs, link.wallMs].every(Number.isSafeInteger)) return undefined;
  const end = encode(link);
  encoded.write(previous, 0, HASH_BYTES, 'hex');
  return hash('sha256', encoded.subarray(0, end), 'hex');
}

/** Where every entry is encoded; it grows to what the longest one needs. */
let encoded = Buffer.allocUnsafe(64 << 10);
/** A character of a string is at most so many bytes in UTF-8; one that is four is two in a string. */
const MAX_CHAR_BYTES = 3;

/** All but the hash before it. Returns where it ends. */
function encode({ seq, boot, monoMs, wallMs, kind, body }: Link): number {
  const atMost = HASH_BYTES + 3 * 8 + 3 * 4 + MAX_CHAR_BYTES * (boot.length + kind.length + body.length);
  if (atMost > encoded.length) encoded = Buffer.allocUnsafe(2 * atMost);
  let at = HASH_BYTES;
  at = writeInteger(at, seq);
  at = writeText(at, boot);
  at = writeInteger(at, monoMs);
  at = writeInteger(at, wallMs);
  at = writeText(at, kind);
  return writeText(at, body);
}

/** In two halves: a BigInt takes several times as long. */
function writeInteger(at: number, value: number): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no safe integer`);
  const high = Math.floor(value / 2 ** 32);
  return encoded.writeUInt32BE(value - high * 2 ** 32, encoded.writeInt32BE(high, at));
}

function writeText(at: number, text: string): number {
  const byteLength = encoded.write(text, at + 4, 'utf8');
  return encoded.writeUInt32BE(byteLength, at) + byteLength;
}
