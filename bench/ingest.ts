import { setTimeout as pause } from 'node:timers/promises';
import { ledgerFile } from '../src/ledger/database.ts';
import { addProgram } from '../src/ledger/programs.ts';
import { Flag } from '../src/media/chunk.ts';
import { RawViewer } from '../test/e2e/raw-viewer.ts';
import { RelayProcess, Scratch, signedToken, until } from '../test/e2e/relay-process.ts';
import { chunksIn } from '../test/e2e/wire-chunk.ts';
import { COLOURS, plot } from '../test/plot/plot.ts';
import { sample } from '../test/soak/series.ts';
import { HelperProcess } from './helper-process.ts';
import type { PeerKind, PeerReport } from './ingest-peer.ts';
import type { PublishersOptions, PublishersReport } from './publishers.ts';
import { quantile } from './quantile.ts';
import { merged } from './settings.ts';
import { BITS_PER_SECOND, hostMs, picturesIn } from './stamped-stream.ts';
import type { Benchmark, BenchmarkOptions } from './table.ts';

const tariff = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };

/** What a server under test is, for a while. */
interface Served {
  readonly port: number;
  readonly speaks: PublishersOptions['speaks'];
  readonly streams: readonly string[];
  cpuSeconds(): Promise<number>;
}

interface Window {
  readonly warmUpMs: number;
  readonly forMs: number;
}

interface Taken {
  readonly gbitPerSecond: number;
  readonly cpuSecondsPerGb: number;
  /** Of one core. */
  readonly cpuShare: number;
  readonly backlogBytes: number;
}

/**
 * How many broadcasters one relay takes: CPU from RTMP to sealed chunks, beside a floor that reads the same bytes and forgets them, and
 * beside node-media-server. One viewer's pictures tell the delay. The last row is one broadcaster as fast as it is read.
 */
export const ingest: Benchmark = async (options) => {
  const { smoke, note } = options;
  const window = smoke ? { warmUpMs: 200, forMs: 500 } : { warmUpMs: 2_000, forMs: 5_000 };
  const rows = [];
  for (const publishers of smoke ? [2] : [1, 10, 30, 100]) {
    note(`${publishers} broadcasters of ${BITS_PER_SECOND / 1e6} Mbit/s`);
    rows.push(await row(`${publishers}`, publishers, 'real-time', window, options));
  }
  const drawn = plotOf(rows);
  note('one broadcaster, as fast as it is read');
  rows.push(await row('1, as fast as it goes', 1, 'unpaced', window, options));
  return {
    columns: [
      'broadcasters',
      'Gbit/s',
      'CPU % of a core',
      'CPU s/GB',
      'floor, CPU s/GB',
      'node-media-server, CPU s/GB',
      'delay p50 ms',
      'delay p99 ms',
      'unread KB at most',
    ],
    rows,
    plot: drawn,
  };
};

const plotOf = (rows: readonly (readonly (string | number)[])[]): string => {
  const column = (at: number) => rows.map((row): [number, number] => [Number(row[0]), Number(row[at])]);
  return plot({
    title: 'CPU seconds for each gigabyte that broadcasters send',
    x: {
      label: `broadcasters of ${BITS_PER_SECOND / 1e6} Mbit/s`,
      scale: 'log',
      ticks: column(0).map(([publishers]) => publishers),
    },
    panels: [
      {
        curves: [
          { name: 'node-media-server, unencrypted', colour: COLOURS.grey, points: column(5) },
          { name: 'Tollcast', colour: COLOURS.blue, points: column(3) },
          { name: 'floor: reads only', colour: COLOURS.orange, points: column(4) },
        ],
      },
    ],
  });
};

async function row(
  title: string,
  publishers: number,
  pace: PublishersOptions['pace'],
  window: Window,
  options: BenchmarkOptions,
) {
  const delaysMs: number[] = [];
  const ours = await ofRelay(publishers, pace, window, delaysMs, options);
  const floor = await ofPeer('discard', publishers, pace, window);
  const peer = await ofPeer('node-media-server', publishers, pace, window);
  return [
    title,
    ours.gbitPerSecond,
    ours.cpuShare * 100,
    ours.cpuSecondsPerGb,
    floor.cpuSecondsPerGb,
    peer.cpuSecondsPerGb,
    // What is sent as fast as it goes is not stamped when it is sent.
    ...(pace === 'real-time' ? [quantile(delaysMs, 0.5), quantile(delaysMs, 0.99)] : ['', '']),
    ours.backlogBytes / 1_000,
  ];
}

async function ofRelay(
  publishers: number,
  pace: PublishersOptions['pace'],
  window: Window,
  delaysMs: number[],
  { settings, profile }: BenchmarkOptions,
): Promise<Taken> {
  using scratch = new Scratch();
  const config = { rtmp: { port: 0, maxConnectionsPerAddress: publishers }, log: { level: 'warn' } };
  const env = profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` };
  const relay = await RelayProcess.start(scratch, merged(config, settings), env);
  try {
    const streams = Array.from({ length: publishers }, (_, index) => {
      const name = `program-${index}`;
      return `${name}?key=${addProgram(ledgerFile(relay.data), { name, title: name, tariff }).streamKey}`;
    });
    const cpuSeconds = async () => (await sample(relay.httpUrl, 0)).cpuSeconds;
    const port = Number(new URL(relay.rtmpUrl).port);
    const served: Served = { port, speaks: 'rtmp', streams, cpuSeconds };
    return await taken(served, pace, window, async () => {
      if (pace === 'real-time') await watch(relay, 'program-0', delaysMs);
    });
  } finally {
    await relay.stop();
  }
}

/** Has a viewer note how old each picture is when it is decrypted. */
async function watch(relay: RelayProcess, program: string, delaysMs: number[]): Promise<void> {
  const viewer = new RawViewer(relay.httpUrl);
  await until(() => relay.isLive(), 'the broadcast is live');
  await viewer.watch(program, await signedToken(relay.data, program, 'ann'));
  const media = await until(() => viewer.media, 'the viewer has its media socket');
  media.on('message', (message: Buffer) => {
    for (const chunk of chunksIn(message)) {
      if (chunk.flags & Flag.preamble) continue;
      for (const { sentMs } of picturesIn(viewer.open(chunk))) delaysMs.push(hostMs() - sentMs);
    }
  });
  await until(() => viewer.chunks.length > 0, 'the viewer has a picture');
  // What it joined with was old already.
  delaysMs.length = 0;
}

async function ofPeer(kind: PeerKind, publishers: number, pace: PublishersOptions['pace'], window: Window): Promise<Taken> {
  await using peer = await HelperProcess.start<PeerReport>('ingest-peer.ts', kind);
  return await taken(
    {
      port: peer.report.port,
      speaks: kind === 'discard' ? 'bytes' : 'rtmp',
      streams: Array.from({ length: publishers }, (_, index) => `stream-${index}`),
      cpuSeconds: async () => (await peer.ask()).cpuSeconds,
    },
    pace,
    window,
  );
}

async function taken(
  { port, speaks, streams, cpuSeconds }: Served,
  pace: PublishersOptions['pace'],
  { warmUpMs, forMs }: Window,
  whenPublished = async () => {},
): Promise<Taken> {
  const options: PublishersOptions = { port, streams, speaks, pace };
  await using publishers = await HelperProcess.start<PublishersReport>('publishers.ts', JSON.stringify(options));
  await pause(warmUpMs);
  await whenPublished();
  const [fromMs, fromCpu, from] = [performance.now(), await cpuSeconds(), await publishers.ask()];
  await pause(forMs);
  const [toMs, toCpu, to] = [performance.now(), await cpuSeconds(), await publishers.ask()];
  const gigabytes = (to.sentBytes - from.sentBytes) / 1e9;
  const seconds = (toMs - fromMs) / 1_000;
  return {
    gbitPerSecond: (gigabytes * 8) / seconds,
    cpuSecondsPerGb: (toCpu - fromCpu) / gigabytes,
    cpuShare: (toCpu - fromCpu) / seconds,
    backlogBytes: Math.max(from.backlogBytes, to.backlogBytes),
  };
}
