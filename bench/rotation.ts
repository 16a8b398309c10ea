import { setTimeout as pause } from 'node:timers/promises';
import { timesOf } from './quantile.ts';
import { merged } from './settings.ts';
import { everybodyWatches, Stage } from './stage.ts';
import type { Benchmark, BenchmarkOptions } from './table.ts';

interface Load {
  readonly viewers: number;
  readonly periodMs: number;
  readonly comingPerSecond: number;
  /** How long is measured, in periods. */
  readonly periods: number;
}

const loads = ({ viewers = [1_000, 10_000] }: BenchmarkOptions): readonly Load[] =>
  viewers.map((viewers) => ({ viewers, periodMs: 10_000, comingPerSecond: 250, periods: 2 }));
const SMOKE_LOADS: readonly Load[] = [{ viewers: 10, periodMs: 1_000, comingPerSecond: 100, periods: 1 }];

const IDLE_MS = 3_000;
const MOST_WAITING = 100;

/** How much of a period viewers have for an answer: a busy machine must not end those whose answers it is to count. */
const PATIENCE = 0.9;

/** The share of a period in which its updates go out, unless it is configured: then the core that does it must do it all. */
const SPREAD = 0.3;

/**
 * What keys cost the relay: real control sockets that answer every key and open no media socket. CPU a key is the process's, its
 * ledger's thread and the kernel's work for its sockets included, less what it takes without viewers. The goal is 250 µs.
 */
export const rotation: Benchmark = async (options) => {
  const rows = [];
  for (const load of options.smoke ? SMOKE_LOADS : loads(options)) rows.push(await row(load, options));
  return {
    columns: [
      'viewers',
      'period s',
      'keys/s',
      'CPU % of a core',
      'without viewers',
      'CPU µs a key',
      'viewers that fill a core',
      'in the spread',
      'confirmed p50 ms',
      'confirmed p99 ms',
      'loop delay p99 ms',
    ],
    rows,
  };
};

async function row({ viewers, periodMs, comingPerSecond, periods }: Load, { smoke, settings, profile, note }: BenchmarkOptions) {
  await using stage = await Stage.start(merged({ keys: { periodMs, minAnswerMs: PATIENCE * periodMs } }, settings), profile);
  const share = async (forMs: number) => {
    const from = await stage.sample();
    await pause(forMs);
    const to = await stage.sample();
    const seconds = (to.atMs - from.atMs) / 1_000;
    return { cpu: (to.cpuSeconds - from.cpuSeconds) / seconds, seconds, delayP99Ms: to.delayP99Ms };
  };
  const idle = await share(smoke ? 200 : IDLE_MS);
  await using crowd = await stage.crowd({ name: 'ann', viewers, comingPerSecond, mostWaiting: MOST_WAITING, watches: 'nothing' });
  await everybodyWatches(crowd, viewers, note).catch((error: Error) => {
    throw new Error(`${error.message}\n${stage.relay.log}`);
  });
  // Those who came last get their second key before all get their next.
  await pause(periodMs);
  await crowd.ask();
  note(`${viewers} viewers, period ${periodMs / 1_000} s: measuring`);
  const busy = await share(periods * periodMs);
  const { confirmations, refused, ended } = await crowd.ask();
  if (Object.keys({ ...refused, ...ended }).length > 0)
    throw new Error(`not everybody could stay: ${JSON.stringify({ refused, ended })}\n${stage.relay.log}`);
  const confirmed = timesOf(confirmations);
  const keysPerSecond = confirmed.count / busy.seconds;
  const secondsAKey = (busy.cpu - idle.cpu) / keysPerSecond;
  return [
    viewers,
    periodMs / 1_000,
    keysPerSecond,
    busy.cpu * 100,
    idle.cpu * 100,
    secondsAKey * 1e6,
    periodMs / 1_000 / secondsAKey,
    (SPREAD * periodMs) / 1_000 / secondsAKey,
    confirmed.p50Ms,
    confirmed.p99Ms,
    busy.delayP99Ms,
  ];
}
