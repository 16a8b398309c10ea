import type { KeyOffer } from '../../src/keys/content-key.ts';
import type { SealedChunk } from '../../src/media/chunk.ts';
import { SFrameOpener } from '../../src/sframe/node.ts';
import { CHUNK_SUITE } from '../../src/sframe/suites.ts';

export const contentKeyOf = (epoch: number): Buffer => Buffer.alloc(32, epoch);

/** An offer that stands from the start and for good, but for what is said otherwise. */
export const offerOf = (epoch: number, terms: Partial<Omit<KeyOffer, 'key'>> = {}): KeyOffer => ({
  key: { program: 'demo', epoch, contentKey: contentKeyOf(epoch) },
  notBeforeMs: 0,
  notAfterMs: Number.POSITIVE_INFINITY,
  lifetimeMs: Number.POSITIVE_INFINITY,
  ...terms,
});

export interface OpenedChunk {
  readonly flags: number;
  readonly plaintext: Buffer;
}

const openers = new Map<number, SFrameOpener>();

/** Opens a sealed chunk as a viewer does, from its bytes alone, and checks that what stands beside them is true. */
export function open({ epoch, counter, flags, bytes }: SealedChunk): OpenedChunk {
  const opener = openers.get(epoch) ?? new SFrameOpener(CHUNK_SUITE, epoch, contentKeyOf(epoch));
  openers.set(epoch, opener);
  const opened = opener.open(bytes.subarray(0, 1), bytes.subarray(1));
  if (opened.counter !== counter || bytes[0] !== flags) throw new Error(`chunk ${counter} of epoch ${epoch} is labelled wrongly`);
  return { flags, plaintext: opened.plaintext };
}
