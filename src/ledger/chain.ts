import { hash } from 'node:crypto';
import type { Stamp } from './entry.ts';

export const HASH_BYTES = 32;

/** What the first entry is chained to. */
export const GENESIS: Uint8Array = new Uint8Array(HASH_BYTES);

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
 * @throws RangeError when seq, monoMs or wallMs is no integer.
 */
export function entryHash(previous: Uint8Array, link: Link): Buffer {
  const bootBytes = Buffer.byteLength(link.boot);
  const kindBytes = Buffer.byteLength(link.kind);
  const bodyBytes = Buffer.byteLength(link.body);
  const bytes = Buffer.allocUnsafe(HASH_BYTES + 3 * 8 + 3 * 4 + bootBytes + kindBytes + bodyBytes);
  bytes.set(previous, 0);
  let at = HASH_BYTES;
  at = bytes.writeBigInt64BE(BigInt(link.seq), at);
  at = writeText(bytes, at, link.boot, bootBytes);
  at = bytes.writeBigInt64BE(BigInt(link.monoMs), at);
  at = bytes.writeBigInt64BE(BigInt(link.wallMs), at);
  at = writeText(bytes, at, link.kind, kindBytes);
  writeText(bytes, at, link.body, bodyBytes);
  return hash('sha256', bytes, 'buffer');
}

function writeText(bytes: Buffer, at: number, text: string, byteLength: number): number {
  const start = bytes.writeUInt32BE(byteLength, at);
  return start + bytes.write(text, start, byteLength, 'utf8');
}
