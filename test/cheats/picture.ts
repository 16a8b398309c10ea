import { Flag } from '../../src/media/chunk.ts';
import type { RawViewer } from '../e2e/raw-viewer.ts';
import { chunksIn, type WireChunk } from '../e2e/wire-chunk.ts';

/**
 * By how much what was seen and what was billed may differ: a busy machine broadcasts late, and then much at once, and what was on
 * its way at a stop is not seen. Less than there is between two keyframes.
 */
export const SLACK_MS = 1_500;
/** Sound and picture come in steps of less. */
const LONGEST_STEP_MS = 150;

export interface Picture {
  /** How much of the broadcast's own time a viewer can decrypt. */
  readonly seenMs: number;
  /** How much of that came as the first catch-up, which is free. */
  readonly freeMs: number;
}

/** What one viewer, or several who give each other all they have, can look at. */
export function picture(first: RawViewer, ...others: readonly RawViewer[]): Picture {
  const all = [first, ...others];
  const keys = new Map(all.flatMap(({ keys }) => [...keys]));
  const timesMs = sorted(all.flatMap(({ chunks }) => chunks.flatMap((chunk) => openedAt(chunk, keys))));
  const steps = timesMs.slice(1).map((atMs, index) => atMs - (timesMs[index] ?? atMs));
  const catchUp = sorted([...chunksIn(first.wire[0] ?? Buffer.alloc(0))].flatMap((chunk) => openedAt(chunk, keys)));
  return {
    seenMs: sum(steps.filter((stepMs) => stepMs <= LONGEST_STEP_MS)),
    freeMs: (catchUp.at(-1) ?? 0) - (catchUp[0] ?? 0),
  };

  /** The times of the FLV tags in a chunk, none where it cannot be opened. @throws where a key is not the right one */
  function openedAt(chunk: WireChunk, keys: ReadonlyMap<number, Uint8Array>): number[] {
    const key = keys.get(chunk.epoch);
    return key === undefined || chunk.flags & Flag.preamble ? [] : [...tagTimesMs(first.open(chunk, key))];
  }
}

function* tagTimesMs(flv: Buffer): Iterable<number> {
  for (let at = 0; at < flv.length; at += 15 + flv.readUIntBE(at + 1, 3)) {
    yield flv.readUIntBE(at + 4, 3) + flv.readUInt8(at + 7) * 2 ** 24;
  }
}

const sorted = (timesMs: readonly number[]): number[] => [...timesMs].sort((one, other) => one - other);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** The place of a chunk in a broadcast, which grows. */
export const placeOf = ({ epoch, counter }: WireChunk): number => epoch * 1e6 + counter;

export const newest = ({ chunks }: RawViewer): number => Math.max(0, ...chunks.map(placeOf));
export const newestKey = ({ keys }: RawViewer): number => Math.max(0, ...keys.keys());

/** How many chunks are missing between those that a viewer got of one epoch. Where its own receipt was late, an epoch begins late. */
export function missing({ chunks }: RawViewer): number {
  return [...new Set(chunks.map(({ epoch }) => epoch))].reduce((total, epoch) => {
    const own = chunks.filter((chunk) => chunk.epoch === epoch);
    const counters = new Set(own.map(({ counter }) => counter));
    const from = Math.min(...own.filter(({ flags }) => !(flags & Flag.preamble)).map(({ counter }) => counter));
    const upTo = Math.max(...counters);
    return total + Math.max(0, upTo + 1 - from) - [...counters].filter((counter) => counter >= from).length;
  }, 0);
}
