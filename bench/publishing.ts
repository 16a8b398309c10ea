import { HelperProcess } from './helper-process.ts';
import type { PublishersOptions, PublishersReport } from './publishers.ts';

/** A hundred take a sixth of a core: none of the processes is to be what is short. */
const STREAMS_A_PROCESS = 100;

/** Publishers in as many processes as it takes. They end with its disposal. */
export class Publishing implements AsyncDisposable {
  readonly #processes: readonly HelperProcess<PublishersReport>[];

  private constructor(processes: readonly HelperProcess<PublishersReport>[]) {
    this.#processes = processes;
  }

  /** @throws Error when one of them is refused */
  static async start(options: PublishersOptions): Promise<Publishing> {
    const processes: HelperProcess<PublishersReport>[] = [];
    try {
      for (let from = 0; from < options.streams.length; from += STREAMS_A_PROCESS) {
        const streams = options.streams.slice(from, from + STREAMS_A_PROCESS);
        processes.push(await HelperProcess.start('publishers.ts', JSON.stringify({ ...options, streams })));
      }
      return new Publishing(processes);
    } catch (error) {
      await ended(processes);
      throw error;
    }
  }

  /** What all of them have sent; the backlog and the lateness of whichever has most. */
  async ask(): Promise<PublishersReport> {
    const reports = await Promise.all(this.#processes.map((each) => each.ask()));
    return {
      sentBytes: reports.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
      backlogBytes: Math.max(...reports.map(({ backlogBytes }) => backlogBytes)),
      lateMs: Math.max(...reports.map(({ lateMs }) => lateMs)),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ended(this.#processes);
  }
}

const ended = (processes: readonly HelperProcess<PublishersReport>[]): Promise<unknown> =>
  Promise.all(processes.map((each) => each[Symbol.asyncDispose]()));
