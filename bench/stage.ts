import { setTimeout as pause } from 'node:timers/promises';
import { ledgerFile } from '../src/ledger/database.ts';
import { addProgram } from '../src/ledger/programs.ts';
import { RelayProcess, Scratch, until } from '../test/e2e/relay-process.ts';
import { metricsOf, type Sample, sample } from '../test/soak/series.ts';
import type { CrowdOptions, CrowdReport } from './crowd.ts';
import { HelperProcess } from './helper-process.ts';
import type { PublishersOptions, PublishersReport } from './publishers.ts';
import { merged, type Settings } from './settings.ts';
import { BITS_PER_SECOND } from './stamped-stream.ts';

export const PROGRAM = 'concert';
export const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };

/** All viewers have one address here; a machine of one's own has no more of them than it has ports. */
const ROOM = {
  http: { port: 0, maxConnections: 100_000, maxConnectionsPerAddress: 100_000, maxUnauthenticatedPerAddress: 100_000 },
  rtmp: { port: 0 },
  // Whoever is only drained answers no pings.
  viewers: { maxViewings: 100_000, pingMs: 600_000 },
  log: { level: 'warn' },
};

/** A relay as a process of its own, with one program that is live. */
export class Stage implements AsyncDisposable {
  readonly relay: RelayProcess;
  readonly #scratch: Scratch;
  readonly #publisher: HelperProcess<PublishersReport>;
  readonly #isProfiled: boolean;

  private constructor(relay: RelayProcess, scratch: Scratch, publisher: HelperProcess<PublishersReport>, isProfiled: boolean) {
    this.#isProfiled = isProfiled;
    this.relay = relay;
    this.#scratch = scratch;
    this.#publisher = publisher;
  }

  /** @param profile a folder that the relay leaves a CPU profile of each of its threads in */
  static async start(config: Settings = {}, profile?: string, bitsPerSecond = BITS_PER_SECOND): Promise<Stage> {
    const scratch = new Scratch();
    const env = profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` };
    const relay = await RelayProcess.start(scratch, merged(ROOM, config), env);
    const { streamKey } = addProgram(ledgerFile(relay.data), { name: PROGRAM, title: PROGRAM, tariff: TARIFF });
    const publisher = await HelperProcess.start<PublishersReport>(
      'publishers.ts',
      JSON.stringify({
        port: Number(new URL(relay.rtmpUrl).port),
        streams: [`${PROGRAM}?key=${streamKey}`],
        speaks: 'rtmp',
        pace: 'real-time',
        bitsPerSecond,
      } satisfies PublishersOptions),
    );
    await until(() => relay.isLive(), 'the program is live');
    return new Stage(relay, scratch, publisher, profile !== undefined);
  }

  /** Loop delays are those since the sample before. */
  sample(): Promise<Sample> {
    return sample(this.relay.httpUrl, performance.now());
  }

  /** What edges have sent, since the start. */
  async media(): Promise<{ sentBytes: number; droppedChunks: number }> {
    const value = await metricsOf(this.relay.httpUrl);
    return {
      sentBytes: value('tollcast_media_sent_bytes_total'),
      droppedChunks: value('tollcast_media_dropped_chunks_total'),
    };
  }

  /** A crowd that begins to come at once. */
  crowd(of: Omit<CrowdOptions, 'httpUrl' | 'data' | 'program' | 'tariff'>): Promise<HelperProcess<CrowdReport>> {
    const { httpUrl, data } = this.relay;
    const options: CrowdOptions = { httpUrl, data, program: PROGRAM, tariff: TARIFF, ...of };
    return HelperProcess.start<CrowdReport>('crowd.ts', JSON.stringify(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#publisher[Symbol.asyncDispose]();
    // A profile is written at a proper end only.
    if (this.#isProfiled) await this.relay.stop();
    else await this.relay.kill();
    this.#scratch[Symbol.dispose]();
  }
}

/** Waits until a whole crowd is there. @throws Error when somebody cannot */
export async function everybodyWatches(
  crowd: HelperProcess<CrowdReport>,
  viewers: number,
  note: (text: string) => void,
): Promise<void> {
  for (;;) {
    const { came, watching, refused, ended } = await crowd.ask();
    if (watching === viewers) return;
    if (Object.keys({ ...refused, ...ended }).length > 0)
      throw new Error(`not everybody could watch: ${JSON.stringify({ refused, ended })}`);
    note(`${came} of ${viewers} viewers came, ${watching} are watching`);
    await pause(2_000);
  }
}
