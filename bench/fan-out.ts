import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { curves } from './curves.ts';
import { Drain } from './drain.ts';
import { Floor } from './floor.ts';
import { HelperProcess } from './helper-process.ts';
import type { PeerReport } from './ingest-peer.ts';
import type { PublishersOptions, PublishersReport } from './publishers.ts';
import { type Times, timesOf } from './quantile.ts';
import { everybodyWatches, Stage } from './stage.ts';
import { BITS_PER_SECOND, hostMs, stampsIn } from './stamped-stream.ts';
import type { Benchmark, BenchmarkOptions } from './table.ts';

const VIEWERS = [10, 100, 300, 1_000, 3_000];
/** They decrypt everything; the others are drained, so that there is a processor left for the relay. */
const SAMPLED = 10;
const COMING_PER_SECOND = 200;
/** Batches of a full relay are as far apart. */
const FLOOR_INTERVAL_MS = 100;
/** More than it can serve on a core. */
const MOST_OF_PEER = 1_000;

interface Window {
  readonly warmUpMs: number;
  readonly forMs: number;
}

const windowOf = ({ smoke }: BenchmarkOptions): Window =>
  smoke ? { warmUpMs: 200, forMs: 700 } : { warmUpMs: 4_000, forMs: 10_000 };

/**
 * What a relay costs for each GB that viewers are sent, with encryption, gates, keys and receipts, beside a floor that only writes the
 * same bytes, and beside node-media-server's FLV over WebSocket, unencrypted, of the same stream. Goals: 0.40 CPU s/GB and 1.5 times the
 * floor at 1,000 viewers; 60 KB of memory a viewer.
 */
export const fanOut: Benchmark = async (options) => {
  const rows: number[][] = [];
  for (const viewers of options.viewers ?? (options.smoke ? [12] : VIEWERS)) {
    options.note(`${viewers} viewers: the relay`);
    const ours = await ofRelay(viewers, 0, options);
    options.note(`${viewers} viewers: the floor`);
    const floor = await ofFloor(viewers, options);
    const peer = viewers > MOST_OF_PEER ? undefined : await ofPeer(viewers, options);
    rows.push([
      viewers,
      ours.secondsPerGb,
      floor,
      ours.secondsPerGb / floor,
      peer?.secondsPerGb ?? Number.NaN,
      ours.core * 100,
      ours.delays.p50Ms,
      ours.delays.p99Ms,
      peer === undefined ? Number.NaN : timesOf(peer.delaysMs).p50Ms,
      ours.kilobytesAViewer,
      ours.lost,
    ]);
  }
  return {
    columns: [
      'viewers',
      'CPU s/GB',
      'floor',
      'times the floor',
      'node-media-server',
      'CPU % of a core',
      'delay p50 ms',
      'delay p99 ms',
      'node-media-server p50',
      'KB a viewer',
      'chunks lost',
    ],
    rows,
    plot: curves({
      title: 'CPU seconds of the server for each GB delivered',
      xLabel: 'viewers',
      curves: [
        { name: 'node-media-server, unencrypted', colour: '#8a8a8a', points: column(rows, 4) },
        { name: 'Tollcast', colour: '#2f6fb5', points: column(rows, 1) },
        { name: 'floor: writes only', colour: '#c8641a', points: column(rows, 2) },
      ],
    }),
  };
};

const column = (rows: readonly number[][], at: number): [number, number][] =>
  rows.flatMap((row): [number, number][] => (Number.isNaN(row[at]) ? [] : [[row[0] ?? 0, row[at] ?? 0]]));

/** How long a picture takes from its broadcaster's socket until a viewer has decrypted it. Goals: 2 ms and 10 ms at p99 with 20 viewers, 120 ms at p99 with 1,000. */
export const latency: Benchmark = async (options) => {
  const rows = [];
  for (const viewers of options.viewers ?? (options.smoke ? [3] : [20, 1_000])) {
    options.note(`${viewers} viewers`);
    const { delays, lost } = await ofRelay(viewers, 0, options);
    rows.push([viewers, delays.count, delays.p50Ms, delays.p90Ms, delays.p99Ms, delays.maxMs, lost]);
  }
  return { columns: ['viewers', 'pictures seen', 'p50 ms', 'p90 ms', 'p99 ms', 'most ms', 'chunks lost'], rows };
};

/** Whether those who keep up notice viewers who read nothing: no chunk lost, and no more than 1.2 times the delay. */
export const slow: Benchmark = async (options) => {
  const [viewers = 0] = options.viewers ?? (options.smoke ? [12] : [1_000]);
  const deaf = Math.ceil(viewers / 20);
  options.note(`${viewers} viewers`);
  const without = await ofRelay(viewers, 0, options);
  options.note(`${viewers} viewers, ${deaf} of whom read nothing`);
  const beside = await ofRelay(viewers, deaf, options);
  const row = (title: string, { delays, lost, dropped }: OfRelay) => [title, delays.p50Ms, delays.p99Ms, lost, dropped];
  return {
    columns: [`${viewers} viewers`, 'delay p50 ms', 'delay p99 ms', 'chunks lost by those who keep up', 'chunks dropped in all'],
    rows: [
      row('all of whom read', without),
      row(`${deaf} of whom read nothing`, beside),
      ['ratio', beside.delays.p50Ms / without.delays.p50Ms, beside.delays.p99Ms / without.delays.p99Ms, '', ''],
    ],
  };
};

interface OfRelay {
  readonly secondsPerGb: number;
  readonly core: number;
  readonly delays: Times;
  readonly lost: number;
  readonly dropped: number;
  readonly kilobytesAViewer: number;
}

/** @param deaf how many of them read nothing of their media sockets */
async function ofRelay(viewers: number, deaf: number, options: BenchmarkOptions): Promise<OfRelay> {
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
  await watching.ask();
  const [from, fromMedia] = [await stage.sample(), await stage.media()];
  await pause(forMs);
  const [to, toMedia, seen, { drained: taken, ended }] = [
    await stage.sample(),
    await stage.media(),
    await watching.ask(),
    await drained.ask(),
  ];
  if (taken.closed > 0 || Object.keys({ ...seen.ended, ...ended }).length > 0)
    throw new Error(`not everybody stayed: ${JSON.stringify({ taken, ended, of: seen.ended })}\n${stage.relay.log}`);
  const gigabytes = (toMedia.sentBytes - fromMedia.sentBytes) / 1e9;
  const cpuSeconds = to.cpuSeconds - from.cpuSeconds;
  return {
    secondsPerGb: cpuSeconds / gigabytes,
    core: cpuSeconds / ((to.atMs - from.atMs) / 1_000),
    delays: timesOf(seen.delays),
    lost: seen.lost,
    dropped: toMedia.droppedChunks,
    kilobytesAViewer: (to.residentBytes - before.residentBytes) / 1_000 / Math.max(1, viewers - sampled),
  };
}

async function ofFloor(viewers: number, options: BenchmarkOptions): Promise<number> {
  const { warmUpMs, forMs } = windowOf(options);
  await using floor = await Floor.start(FLOOR_INTERVAL_MS, BITS_PER_SECOND);
  await using drain = new Drain();
  for (let opened = 0; opened < viewers; opened++) drain.open(new URL(`ws://127.0.0.1:${floor.port}/`));
  await pause(warmUpMs);
  const [fromCpu, from] = [floor.cpuSeconds(), await drain.total()];
  await pause(forMs);
  const [toCpu, to] = [floor.cpuSeconds(), await drain.total()];
  return (toCpu - fromCpu) / ((to.bytes - from.bytes) / 1e9);
}

async function ofPeer(viewers: number, options: BenchmarkOptions) {
  options.note(`${viewers} viewers: node-media-server`);
  const { warmUpMs, forMs } = windowOf(options);
  await using peer = await HelperProcess.start<PeerReport>('ingest-peer.ts', 'node-media-server');
  const { port, httpPort } = peer.report;
  const publishing: PublishersOptions = { port, streams: ['concert'], speaks: 'rtmp', pace: 'real-time' };
  await using _publisher = await HelperProcess.start<PublishersReport>('publishers.ts', JSON.stringify(publishing));
  await using drain = new Drain();
  const url = new URL(`ws://127.0.0.1:${httpPort}/live/concert.flv`);
  const delaysMs: number[] = [];
  const sampled = sampleFlv(url, delaysMs);
  for (let opened = 1; opened < viewers; opened++) {
    drain.open(url);
    if (opened % 20 === 0) await pause((20 * 1_000) / COMING_PER_SECOND);
  }
  await pause(warmUpMs);
  delaysMs.length = 0;
  const [fromCpu, from] = [(await peer.ask()).cpuSeconds, await drain.total()];
  await pause(forMs);
  const [toCpu, to] = [(await peer.ask()).cpuSeconds, await drain.total()];
  sampled.terminate();
  // One more than are drained.
  const gigabytes = (((to.bytes - from.bytes) / 1e9) * viewers) / Math.max(1, viewers - 1);
  return { secondsPerGb: (toCpu - fromCpu) / gigabytes, delaysMs };
}

function sampleFlv(url: URL, delaysMs: number[]): WebSocket {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on('message', (flv: Buffer) => {
    if (flv.toString('latin1', 0, 3) === 'FLV') return;
    for (const stampMs of stampsIn(flv)) delaysMs.push(hostMs() - stampMs);
  });
  socket.on('error', (error) => process.stderr.write(`node-media-server: ${error.message}\n`));
  return socket;
}
