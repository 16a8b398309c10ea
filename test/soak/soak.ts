import { setTimeout as pause } from 'node:timers/promises';
import { openReader } from '../../src/ledger/reader.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { Broadcasters } from '../e2e/broadcasters.ts';
import { RelayProcess, Scratch, signedToken, until } from '../e2e/relay-process.ts';
import { Random } from '../sim/random.ts';
import { Audience } from './audience.ts';
import { type Sample, sample, type Verdict, verdicts } from './series.ts';

export interface SoakOptions {
  readonly minutes: number;
  readonly viewers: number;
  readonly programs: number;
  readonly periodMs: number;
  readonly seed: number;
  /** After each sample. */
  readonly onSample?: (samples: readonly Sample[], audience: Audience) => void;
}

export interface SoakResult {
  readonly samples: readonly Sample[];
  readonly verdicts: readonly Verdict[];
  readonly figures: Readonly<Record<string, number>>;
  /** What is wrong besides what is not flat. */
  readonly faults: readonly string[];
}

const SAMPLE_MS = 5_000;

/** A relay that is a process of its own, with broadcasters that come back every two minutes, and an audience that comes and goes. */
export async function soak({ minutes, viewers, programs, periodMs, seed, onSample }: SoakOptions): Promise<SoakResult> {
  using scratch = new Scratch();
  const relay = await RelayProcess.start(scratch, {
    keys: { periodMs },
    rtmp: { port: 0, maxConnectionsPerAddress: 32 },
    log: { level: 'warn' },
  });
  const names = Array.from({ length: programs }, (_, at) => `program-${at}`);
  const broadcasters = new Broadcasters();
  try {
    for (const name of names) broadcasters.start((await relay.addProgram(name)).publishUrl);
    await until(async () => (await livePrograms(relay.httpUrl)) === programs, 'all programs are live');
    const before = await sample(relay.httpUrl, 0);
    const audience = new Audience({
      url: relay.httpUrl,
      programs: names,
      viewers,
      random: new Random(seed),
      sign: (program, viewer) => signedToken(relay.data, program, viewer),
    });
    await audience.fill();
    const samples = await watched(relay.httpUrl, minutes, (so) => onSample?.(so, audience));
    await audience.empty();
    const faults = [...audience.complaints, ...(await leftBehind(relay.httpUrl, before))];
    broadcasters.stop();
    await relay.stop();
    return {
      samples,
      verdicts: verdicts(samples),
      faults: [...faults, ...ledgerFaults(relay.data, audience)],
      figures: {
        viewings: audience.viewings,
        confirmations: audience.confirmations,
        chunks: audience.chunks,
        'GB delivered': audience.bytes / 1e9,
        'CPU seconds of the relay': (samples.at(-1)?.cpuSeconds ?? 0) - (samples[0]?.cpuSeconds ?? 0),
      },
    };
  } finally {
    broadcasters.stop();
    await relay.kill();
  }
}

async function watched(httpUrl: string, minutes: number, onSample: (samples: readonly Sample[]) => void): Promise<Sample[]> {
  const samples: Sample[] = [];
  const fromMs = performance.now();
  for (let atMs = 0; atMs <= minutes * 60_000; atMs += SAMPLE_MS) {
    await pause(Math.max(0, fromMs + atMs - performance.now()));
    samples.push(await sample(httpUrl, performance.now() - fromMs));
    onSample(samples);
  }
  return samples;
}

/** What the relay still holds when nobody watches. */
async function leftBehind(httpUrl: string, before: Sample): Promise<string[]> {
  // fetch keeps a connection or two open.
  const isEmpty = async () => {
    const now = await sample(httpUrl, 0);
    return now.viewings === 0 && now.handles <= before.handles + 3;
  };
  return until(isEmpty, 'nothing is left behind', 60_000).then(
    () => [],
    async (error: Error) => [`${error.message}: ${JSON.stringify(await sample(httpUrl, 0))}`],
  );
}

function ledgerFaults(data: string, audience: Audience): string[] {
  const file = `${data}/ledger.db`;
  const whole = verifyLedger(file);
  const reader = openReader(file);
  const ended = new Map<string, number>();
  for (const { endedBy } of reader.viewings()) ended.set(String(endedBy), (ended.get(String(endedBy)) ?? 0) + 1);
  reader.close();
  const faults = whole.ok ? [] : [`the ledger is not whole: ${JSON.stringify(whole)}`];
  for (const [reason, count] of audience.ended)
    if (ended.get(reason) !== count) faults.push(`${count} viewings ended as ${reason}, ${ended.get(reason)} in the ledger`);
  return faults;
}

async function livePrograms(httpUrl: string): Promise<number> {
  const response = await fetch(`${httpUrl}/v1/programs`);
  const { programs } = (await response.json()) as { programs: { live: boolean }[] };
  return programs.filter(({ live }) => live).length;
}
