import { createHash } from 'node:crypto';

/** What is kept of a stream key, and all of it that leaves an encryptor: SHA-256, hex, of its characters. */
export const streamKeyHash = (streamKey: string): string => createHash('sha256').update(streamKey).digest('hex');
