import type { SealedChunk } from '../media/chunk.ts';

/**
 * A media message: one or more chunks of one epoch, each after its length (docs/PROTOCOL.md, "Media messages").
 *
 *   ( length, 4 bytes big-endian ‖ flags, 1 byte ‖ SFrame ciphertext )+        length counts flags and ciphertext
 */
export function encodeMediaMessage(chunks: readonly SealedChunk[]): Buffer {
  const parts = chunks.flatMap(({ bytes }) => {
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(parts);
}
