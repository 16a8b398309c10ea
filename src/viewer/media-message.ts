import { MAX_MEDIA_MESSAGE_BYTES } from './limits.ts';

const LENGTH_BYTES = 4;

/**
 * Splits a media message into sealed chunks, each a flags byte and an SFrame ciphertext: a chunk is preceded by its length in
 * bytes, 32 bits, big-endian. The chunks are views into the message, not copies. Undefined if it is empty, overlong, or has a
 * chunk that is empty or cut off: then nothing in it is to be relied on.
 */
export function splitMediaMessage(message: Uint8Array<ArrayBuffer>): readonly Uint8Array<ArrayBuffer>[] | undefined {
  if (message.length === 0 || message.length > MAX_MEDIA_MESSAGE_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  while (at < message.length) {
    if (message.length - at < LENGTH_BYTES) return undefined;
    const length = view.getUint32(at);
    const begin = at + LENGTH_BYTES;
    if (length === 0 || length > message.length - begin) return undefined;
    at = begin + length;
    chunks.push(message.subarray(begin, at));
  }
  return chunks;
}
