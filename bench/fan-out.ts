import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { COLOURS, plot } from '../test/plot/plot.ts';
import { Drain } from './drain.ts';
import { Floor } from './floor.ts';
import { HelperProcess } from './helper-process.ts';
import type { PeerReport } from './ingest-peer.ts';
import type { PublishersOptions, PublishersReport } from './publishers.ts';
import { timesOf } from './quantile.ts';
import { COMING_PER_SECOND, ofRelay, windowOf } from './relay-load.ts';
import { BITS_PER_SECOND, hostMs, picturesIn } from './stamped-stream.ts';
import type { Benchmark, BenchmarkOptions } from './table.ts';

const VIEWERS = [10, 100, 300, 1_000, 3_000];
/** Batches of a full relay are as far apart. */
const FLOOR_INTERVAL_MS = 100;
/** More than it can serve on a core. */
const MOST_OF_PEER = 1_000;

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
      ours.mainThread * 100,
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
      'of which main thread',
      'delay p50 ms',
      'delay p99 ms',
      'node-media-server p50',
      'KB a viewer',
      'pictures lost',
    ],
    rows,
    plot: plot({
      title: 'CPU seconds of the server for each GB delivered',
      x: { label: 'viewers', scale: 'log', ticks: rows.map(([viewers = 0]) => viewers).sort((a, b) => a - b) },
      panels: [
        {
          curves: [
            { name: 'node-media-server, unencrypted', colour: COLOURS.grey, points: column(rows, 4) },
            { name: 'Tollcast', colour: COLOURS.blue, points: column(rows, 1) },
            { name: 'floor: writes only', colour: COLOURS.orange, points: column(rows, 2) },
          ],
        },
      ],
    }),
  };
};

const column = (rows: readonly number[][], at: number): [number, number][] =>
  rows.flatMap((row): [number, number][] => (Number.isNaN(row[at]) ? [] : [[row[0] ?? 0, row[at] ?? 0]]));

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
    for (const { sentMs } of picturesIn(flv)) delaysMs.push(hostMs() - sentMs);
  });
  socket.on('error', (error) => process.stderr.write(`node-media-server: ${error.message}\n`));
  return socket;
}
