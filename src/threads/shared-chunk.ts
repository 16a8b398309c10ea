import type { SealedChunk } from '../media/chunk.ts';

/**
 * A chunk copied into memory that threads share, once for all of them: posted, it is not copied again. They copy it into messages
 * to viewers and into nothing else. Nobody writes to it.
 */
export function shared({ bytes, ...chunk }: SealedChunk): SealedChunk {
  const copy = Buffer.from(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return { ...chunk, bytes: copy };
}

/** As it arrives in another thread, where a buffer has become an array of bytes. The memory is the same. */
export const received = ({ bytes, ...chunk }: SealedChunk): SealedChunk => ({
  ...chunk,
  bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
});
