import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A program of this folder in a process of its own, which reports when it is ready and whenever it is asked to. Ends with its disposal. */
export class HelperProcess<Report> implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** The latest report. */
  report: Report;

  private constructor(child: ChildProcess, report: Report) {
    this.#child = child;
    this.report = report;
  }

  /** @throws Error when it ends before it is ready */
  static async start<Report>(script: string, argument: string): Promise<HelperProcess<Report>> {
    const child = fork(join(import.meta.dirname, script), [argument], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    return new HelperProcess(child, await HelperProcess.#reported<Report>(child, script));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ask(): Promise<Report> {
    this.#child.send({});
    this.report = await HelperProcess.#reported<Report>(this.#child, 'a helper');
    return this.report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill();
    await once(this.#child, 'exit');
  }

  static async #reported<Report>(child: ChildProcess, what: string): Promise<Report> {
    const waiting = new AbortController();
    const { signal } = waiting;
    const ended = once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`${what} ended with code ${code}`);
    });
    try {
      const [report] = await Promise.race([once(child, 'message', { signal }), ended]);
      return report as Report;
    } finally {
      ended.catch(() => undefined);
      waiting.abort();
    }
  }
}
