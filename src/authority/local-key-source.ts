import type { KeySource } from '../encryptor/key-source.ts';
import { streamKeyHash } from '../keys/stream-key.ts';
import type { Authority } from './authority.ts';

/** The authority for an encryptor in the same process. */
export const localKeySource = (authority: Authority): KeySource => ({
  verify: async (program, streamKey) => authority.verifyStreamKey(program, streamKeyHash(streamKey)),
  timelineStartMs: () => undefined,
  begin(program, broadcast, encryptor) {
    const live = authority.startBroadcast(program, broadcast, encryptor);
    return {
      began: (epoch, atMs) => live.began(epoch, atMs),
      away: () => live.away(),
      back: () => live.back(),
      ended: (reason) => authority.endBroadcast(program, reason),
    };
  },
});
