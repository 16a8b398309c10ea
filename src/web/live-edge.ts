/** A video that is further behind than this has been paused or hidden; the speed-up of `liveSync` would take too long. */
const MOST_BEHIND_SECONDS = 4;
/** How far before the end of what is buffered playing goes on. */
const EDGE_SECONDS = 0.6;
/** A playing position closer to the end of its range than this is about to stall there. */
const STALL_SECONDS = 0.1;

export interface BufferedRange {
  readonly startSeconds: number;
  readonly endSeconds: number;
}

/**
 * Where a live video should play on instead of at `atSeconds`, if anywhere else: over a gap that lost chunks left, which a
 * browser would wait at forever, or near the live end after a pause.
 */
export function betterPosition(ranges: readonly BufferedRange[], atSeconds: number): number | undefined {
  const last = ranges.at(-1);
  if (last === undefined) return undefined;
  if (last.endSeconds - atSeconds > MOST_BEHIND_SECONDS) return Math.max(last.startSeconds, last.endSeconds - EDGE_SECONDS);
  const here = ranges.find((range) => range.startSeconds <= atSeconds && atSeconds < range.endSeconds - STALL_SECONDS);
  if (here !== undefined) return undefined;
  return ranges.find((range) => range.startSeconds > atSeconds)?.startSeconds;
}

export function bufferedRanges(buffered: TimeRanges): readonly BufferedRange[] {
  return Array.from({ length: buffered.length }, (_, index) => ({
    startSeconds: buffered.start(index),
    endSeconds: buffered.end(index),
  }));
}
