import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import { streamKeyHash } from '../src/keys/stream-key.ts';
import { appendNow } from '../src/ledger/chain-writer.ts';
import { ledgerFile } from '../src/ledger/database.ts';
import { Flag } from '../src/media/chunk.ts';
import { RawViewer } from '../test/e2e/raw-viewer.ts';
import { RelayProcess, Scratch, signedToken, until } from '../test/e2e/relay-process.ts';
import { chunksIn } from '../test/e2e/wire-chunk.ts';
import { sample } from '../test/soak/series.ts';
import { HelperProcess } from './helper-process.ts';
import type { PeerKind, PeerReport } from './ingest-peer.ts';
import { mainThreadSecondsOf } from './process-figures.ts';
import type { PublishersOptions } from './publishers.ts';
import { Publishing } from './publishing.ts';
import { merged } from './settings.ts';
import { hostMs, picturesIn } from './stamped-stream.ts';
import type { BenchmarkOptions } from './table.ts';

const tariff = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };

/** What a server under test is, for a while. */
interface Served {
  readonly port: number;
  readonly speaks: PublishersOptions['speaks'];
  readonly streams: readonly string[];
  readonly pid: number;
  cpuSeconds(): Promise<number>;
}

export interface Window {
  readonly warmUpMs: number;
  readonly forMs: number;
}

export interface Taken {
  readonly gbitPerSecond: number;
  readonly cpuSecondsPerGb: number;
  /** Of one core. */
  readonly cpuShare: number;
  /** Of one core. */
  readonly mainThreadShare: number;
  /** Of all cores of the machine, whoever used the rest. */
  readonly idleShare: number;
  readonly backlogBytes: number;
  readonly backlogGrowthBytes: number;
  readonly lateMs: number;
}

/** @param delaysMs where it is noted how old each picture of the first broadcaster is when its viewer has decrypted it */
export async function ofRelay(
  publishers: number,
  pace: PublishersOptions['pace'],
  window: Window,
  delaysMs: number[],
  { settings, profile }: Pick<BenchmarkOptions, 'settings' | 'profile'>,
): Promise<Taken> {
  using scratch = new Scratch();
  const config = { rtmp: { port: 0, maxConnections: publishers, maxConnectionsPerAddress: publishers }, log: { level: 'warn' } };
  const env = profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` };
  const relay = await RelayProcess.start(scratch, merged(config, settings), env);
  try {
    const streams = programsAdded(ledgerFile(relay.data), publishers);
    const cpuSeconds = async () => (await sample(relay.httpUrl, 0)).cpuSeconds;
    const port = Number(new URL(relay.rtmpUrl).port);
    const served: Served = { port, speaks: 'rtmp', streams, pid: relay.pid, cpuSeconds };
    return await taken(served, pace, window, async () => {
      if (pace === 'real-time') await watch(relay, 'program-0', delaysMs);
    });
  } finally {
    await relay.stop();
  }
}

/** Programs in one transaction: a thousand would take a minute one by one. @returns what their broadcasters publish as */
function programsAdded(file: string, count: number): string[] {
  const programs = Array.from({ length: count }, (_, index) => ({ name: `program-${index}`, streamKey: `key-${index}` }));
  appendNow(file, systemClock(), () =>
    programs.map(({ name, streamKey }) => {
      return { kind: 'program-added', program: name, title: name, tariff, streamKeyHash: streamKeyHash(streamKey) };
    }),
  );
  return programs.map(({ name, streamKey }) => `${name}?key=${streamKey}`);
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

export async function ofPeer(
  kind: PeerKind,
  publishers: number,
  pace: PublishersOptions['pace'],
  window: Window,
): Promise<Taken> {
  await using peer = await HelperProcess.start<PeerReport>('ingest-peer.ts', kind);
  return await taken(
    {
      port: peer.report.port,
      speaks: kind === 'discard' ? 'bytes' : 'rtmp',
      streams: Array.from({ length: publishers }, (_, index) => `stream-${index}`),
      cpuSeconds: async () => (await peer.ask()).cpuSeconds,
      pid: peer.pid,
    },
    pace,
    window,
  );
}

async function taken(
  { port, speaks, streams, pid, cpuSeconds }: Served,
  pace: PublishersOptions['pace'],
  { warmUpMs, forMs }: Window,
  whenPublished = async () => {},
): Promise<Taken> {
  const options: PublishersOptions = { port, streams, speaks, pace };
  await using publishers = await Publishing.start(options);
  await pause(warmUpMs);
  await whenPublished();
  const figures = async () => ({
    sent: await publishers.ask(),
    cpuSeconds: await cpuSeconds(),
    mainThreadSeconds: mainThreadSecondsOf(pid),
    cores: coreMs(),
    ms: performance.now(),
  });
  const from = await figures();
  await pause(forMs);
  const to = await figures();
  const gigabytes = (to.sent.sentBytes - from.sent.sentBytes) / 1e9;
  const seconds = (to.ms - from.ms) / 1_000;
  return {
    gbitPerSecond: (gigabytes * 8) / seconds,
    cpuSecondsPerGb: (to.cpuSeconds - from.cpuSeconds) / gigabytes,
    cpuShare: (to.cpuSeconds - from.cpuSeconds) / seconds,
    mainThreadShare: (to.mainThreadSeconds - from.mainThreadSeconds) / seconds,
    idleShare: (to.cores.idle - from.cores.idle) / (to.cores.all - from.cores.all),
    backlogBytes: Math.max(from.sent.backlogBytes, to.sent.backlogBytes),
    backlogGrowthBytes: to.sent.backlogBytes - from.sent.backlogBytes,
    lateMs: to.sent.lateMs,
  };
}

/** Of all cores since the machine started. */
function coreMs(): { readonly idle: number; readonly all: number } {
  const times = cpus().map(({ times }) => times);
  const all = times.flatMap((each) => Object.values(each)).reduce((sum, ms) => sum + ms, 0);
  return { idle: times.reduce((sum, { idle }) => sum + idle, 0), all };
}
