import { setTimeout as pause } from 'node:timers/promises';
import type { CrowdReport } from './crowd.ts';
import type { HelperProcess } from './helper-process.ts';
import { type Times, timesOf } from './quantile.ts';
import { Stage } from './stage.ts';
import type { Benchmark, BenchmarkOptions } from './table.ts';

interface Rush {
  readonly established: number;
  readonly newcomers: number;
  readonly withinSeconds: number;
}

const RUSH: Rush = { established: 200, newcomers: 2_000, withinSeconds: 10 };
const SMOKE_RUSH: Rush = { established: 2, newcomers: 5, withinSeconds: 0.5 };

const LOOK_MS = 500;
const LOOK_AT_ONE_MS = 20;
/** Until those who came first have had another key. */
const SETTLE_MS = 3_000;
/** From the last one's coming to its first chunk. */
const PATIENCE_MS = 90_000;
/** Two thousand of 2.7 Mbit/s would take more of two cores than joining does. */
const THIN_BITS_PER_SECOND = 300_000;
const ESTABLISHED_PER_SECOND = 100;

/**
 * How soon newcomers see a picture, from their `watch` to the first chunk decrypted: one after another on an idle relay, for which the
 * goal is 60 ms, and all at once; and what those who were there before feel of it: their keys' confirmations, and the time between two
 * messages with chunks, which is 40 ms or less of a stream of 25 pictures a second.
 */
export const join: Benchmark = async (options) => {
  const { smoke, note } = options;
  const rush = smoke ? SMOKE_RUSH : RUSH;
  note('one after another, on an idle relay');
  const alone = await oneByOne(smoke ? 2 : 20, options);
  const crowded = await rushed(rush, options);
  const rows = [
    timesRow('alone: watch to first chunk', alone),
    timesRow(`${rush.newcomers} in ${rush.withinSeconds} s: watch to first chunk`, crowded.firstChunks),
    timesRow(`key confirmed, ${rush.established} established, before`, crowded.before.confirmations),
    timesRow('key confirmed, the same, meanwhile', crowded.meanwhile.confirmations),
    timesRow('between chunks, the same, before', crowded.before.gaps),
    timesRow('between chunks, the same, meanwhile', crowded.meanwhile.gaps),
    timesRow("the relay's loop delay, p99 of each half second", crowded.delays),
    ['refused or ended', crowded.lost, '', '', ''],
    ['CPU ms a newcomer', '', crowded.cpuMsEach, '', ''],
  ];
  return { columns: ['', 'count', 'p50 ms', 'p99 ms', 'max ms'], rows };
};

const timesRow = (title: string, { count, p50Ms, p99Ms, maxMs }: Times) => [title, count, p50Ms, p99Ms, maxMs];

/** Each leaves before the next comes, so that nobody's is the time of two. */
async function oneByOne(times: number, { settings }: BenchmarkOptions): Promise<Times> {
  await using stage = await Stage.start(settings);
  const took: number[] = [];
  for (let index = 0; index < times; index++) {
    await using viewer = await stage.crowd({
      name: `alone-${index}`,
      viewers: 1,
      comingPerSecond: 1,
      watches: 'the first chunk',
    });
    took.push(...(await untilSeen(viewer, 1)).firstChunks);
  }
  return timesOf(took);
}

interface Rushed {
  readonly firstChunks: Times;
  readonly before: Felt;
  readonly meanwhile: Felt;
  readonly delays: Times;
  /** Newcomers and others who were refused, or whose viewing ended. */
  readonly lost: number;
  readonly cpuMsEach: number;
}

/** By those who were there before. */
interface Felt {
  readonly confirmations: Times;
  readonly gaps: Times;
}

const felt = ({ confirmations, gaps }: CrowdReport): Felt => ({ confirmations: timesOf(confirmations), gaps: timesOf(gaps) });

async function rushed(
  { established, newcomers, withinSeconds }: Rush,
  { settings, profile, note }: BenchmarkOptions,
): Promise<Rushed> {
  await using stage = await Stage.start(settings, profile, THIN_BITS_PER_SECOND);
  const there = {
    name: 'there',
    viewers: established,
    comingPerSecond: ESTABLISHED_PER_SECOND,
    watches: 'the first chunk',
    notesGaps: true,
  } as const;
  await using before = await stage.crowd(there);
  await untilSeen(before, established);
  await pause(SETTLE_MS);
  await before.ask();
  note(`${established} are watching`);
  await pause(1_000 * withinSeconds);
  const calm = await before.ask();
  const from = await stage.sample();

  const comingPerSecond = newcomers / withinSeconds;
  await using crowd = await stage.crowd({ name: 'new', viewers: newcomers, comingPerSecond, watches: 'the first chunk' });
  const delaysMs: number[] = [];
  const { firstChunks, lost } = await untilSeen(crowd, newcomers, async (seen) => {
    delaysMs.push((await stage.sample()).delayP99Ms);
    note(`${seen} of ${newcomers} newcomers have a picture`);
  });
  const to = await stage.sample();
  const stirred = await before.ask();
  return {
    firstChunks: timesOf(firstChunks),
    before: felt(calm),
    meanwhile: felt(stirred),
    delays: timesOf(delaysMs),
    lost: lost + lostOf(stirred),
    cpuMsEach: ((to.cpuSeconds - from.cpuSeconds) / newcomers) * 1_000,
  };
}

const lostOf = ({ refused, ended }: CrowdReport): number =>
  [...Object.values(refused), ...Object.values(ended)].reduce((sum, count) => sum + count, 0);

/** Until so many of a crowd have had their first chunk, or were refused: the times of all of them. */
async function untilSeen(
  crowd: HelperProcess<CrowdReport>,
  viewers: number,
  look: (seen: number) => Promise<void> = async () => {},
): Promise<{ firstChunks: readonly number[]; lost: number }> {
  const firstChunks: number[] = [];
  const untilMs = performance.now() + PATIENCE_MS;
  while (performance.now() < untilMs) {
    await pause(viewers === 1 ? LOOK_AT_ONE_MS : LOOK_MS);
    const report = await crowd.ask();
    firstChunks.push(...report.firstChunks);
    await look(firstChunks.length);
    if (firstChunks.length + lostOf(report) >= viewers) return { firstChunks, lost: lostOf(report) };
  }
  throw new Error(`after ${PATIENCE_MS} ms ${firstChunks.length} of ${viewers} had a picture`);
}
