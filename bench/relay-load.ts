import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../test/e2e/relay-process.ts';
import { mainThreadSecondsOf } from './process-figures.ts';
import { type Times, timesOf } from './quantile.ts';
import { everybodyWatches, Stage } from './stage.ts';
import type { BenchmarkOptions } from './table.ts';

/** They decrypt everything; the others are drained, so that there is a processor left for the relay. */
const SAMPLED = 10;
export const COMING_PER_SECOND = 200;
/** Until the kernel holds no more for those who read nothing. */
const DEAF_WITHIN_MS = 60_000;

/** What is measured of a run. */
export interface Window {
  readonly warmUpMs: number;
  readonly forMs: number;
}

export const windowOf = ({ smoke }: BenchmarkOptions): Window =>
  smoke ? { warmUpMs: 200, forMs: 700 } : { warmUpMs: 4_000, forMs: 10_000 };

/** What a relay with so many viewers took, and what they got. */
export interface RelayLoad {
  readonly secondsPerGb: number;
  readonly core: number;
  /** Of which its main thread takes so much. */
  readonly mainThread: number;
  readonly delays: Times;
  readonly delaysMs: readonly number[];
  readonly lost: number;
  readonly dropped: number;
  readonly kilobytesAViewer: number;
}

/**
 * A relay as a process of its own with real viewings: most are drained, a few decrypt everything.
 * @param deaf how many of them read nothing of their media sockets
 */
export async function ofRelay(viewers: number, deaf: number, options: BenchmarkOptions): Promise<RelayLoad> {
  const { warmUpMs, forMs } = windowOf(options);
  await using stage = await Stage.start(options.settings, options.profile);
  const sampled = Math.min(SAMPLED, viewers);
  const come = { comingPerSecond: COMING_PER_SECOND };
  await using watching = await stage.crowd({ ...come, name: 'ann', viewers: sampled, watches: 'everything' });
  await everybodyWatches(watching, sampled, options.note);
  const before = await stage.sample();
  await using drained = await stage.crowd({ ...come, name: 'ben', viewers: viewers - sampled - deaf, watches: 'drained' });
  await everybodyWatches(drained, viewers - sampled - deaf, options.note);
  await using unread = await stage.crowd({ ...come, name: 'cas', viewers: deaf, watches: 'unread' });
  await everybodyWatches(unread, deaf, options.note);
  await pause(warmUpMs);
  if (deaf > 0 && !options.smoke)
    await until(async () => (await stage.media()).droppedChunks > 0, 'some are behind', DEAF_WITHIN_MS);
  await watching.ask();
  const [from, fromMedia, fromMain] = [await stage.sample(), await stage.media(), mainThreadSecondsOf(stage.relay.pid)];
  await pause(forMs);
  const [to, toMedia, toMain, seen, { drained: taken, ended }] = [
    await stage.sample(),
    await stage.media(),
    mainThreadSecondsOf(stage.relay.pid),
    await watching.ask(),
    await drained.ask(),
  ];
  if (taken.closed > 0 || Object.keys({ ...seen.ended, ...ended }).length > 0)
    throw new Error(`not everybody stayed: ${JSON.stringify({ taken, ended, of: seen.ended })}\n${stage.relay.log}`);
  const gigabytes = (toMedia.sentBytes - fromMedia.sentBytes) / 1e9;
  const cpuSeconds = to.cpuSeconds - from.cpuSeconds;
  const seconds = (to.atMs - from.atMs) / 1_000;
  return {
    secondsPerGb: cpuSeconds / gigabytes,
    core: cpuSeconds / seconds,
    mainThread: (toMain - fromMain) / seconds,
    delays: timesOf(seen.delays),
    delaysMs: seen.delays,
    lost: seen.lost,
    dropped: toMedia.droppedChunks - fromMedia.droppedChunks,
    kilobytesAViewer: (to.residentBytes - before.residentBytes) / 1_000 / Math.max(1, viewers - sampled),
  };
}
