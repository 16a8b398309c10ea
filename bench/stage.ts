import { ledgerFile } from '../src/ledger/database.ts';
import { addProgram } from '../src/ledger/programs.ts';
import { RelayProcess, Scratch, until } from '../test/e2e/relay-process.ts';
import { type Sample, sample } from '../test/soak/series.ts';
import type { CrowdOptions, CrowdReport } from './crowd.ts';
import { HelperProcess } from './helper-process.ts';
import type { PublishersOptions, PublishersReport } from './publishers.ts';
import { BITS_PER_SECOND } from './stamped-stream.ts';

export const PROGRAM = 'concert';
export const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };

/** All viewers have one address here; a machine of one's own has no more of them than it has ports. */
const ROOM = {
  http: { port: 0, maxConnections: 100_000, maxConnectionsPerAddress: 100_000, maxUnauthenticatedPerAddress: 100_000 },
  viewers: { maxViewings: 100_000 },
  log: { level: 'warn' },
};

export interface StageOptions {
  /** Of the relay. */
  readonly config?: object;
  readonly bitsPerSecond?: number;
}

/** A relay as a process of its own, with one program that is live. */
export class Stage implements AsyncDisposable {
  readonly relay: RelayProcess;
  readonly #scratch: Scratch;
  readonly #publisher: HelperProcess<PublishersReport>;

  private constructor(relay: RelayProcess, scratch: Scratch, publisher: HelperProcess<PublishersReport>) {
    this.relay = relay;
    this.#scratch = scratch;
    this.#publisher = publisher;
  }

  static async start({ config = {}, bitsPerSecond = BITS_PER_SECOND }: StageOptions = {}): Promise<Stage> {
    const scratch = new Scratch();
    const relay = await RelayProcess.start(scratch, { ...ROOM, ...config });
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
    return new Stage(relay, scratch, publisher);
  }

  /** Loop delays are those since the sample before. */
  sample(): Promise<Sample> {
    return sample(this.relay.httpUrl, performance.now());
  }

  /** A crowd that begins to come at once. */
  crowd(of: Omit<CrowdOptions, 'httpUrl' | 'data' | 'program' | 'tariff'>): Promise<HelperProcess<CrowdReport>> {
    const { httpUrl, data } = this.relay;
    const options: CrowdOptions = { httpUrl, data, program: PROGRAM, tariff: TARIFF, ...of };
    return HelperProcess.start<CrowdReport>('crowd.ts', JSON.stringify(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#publisher[Symbol.asyncDispose]();
    await this.relay.kill();
    this.#scratch[Symbol.dispose]();
  }
}
