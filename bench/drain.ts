import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { native } from './native.ts';

export interface Drained {
  readonly open: number;
  readonly closed: number;
  readonly bytes: number;
}

/** Media sockets in a process of their own, which are read as cheaply as can be, or not at all. */
export class Drain implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const program = native('drain');
    const [command, args] =
      program === undefined ? [process.execPath, [join(import.meta.dirname, 'drain-here.ts')]] : [program, []];
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('no standard output');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Opens a WebSocket of this host. `hold`: and reads nothing. */
  open(url: URL, kind: 'read' | 'hold' = 'read'): void {
    this.#child.stdin?.write(`${kind} ${url.port} ${url.pathname}${url.search}\n`);
  }

  async total(): Promise<Drained> {
    this.#child.stdin?.write('?\n');
    const { value } = await this.#lines.next();
    return JSON.parse(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.stdin?.end();
    await once(this.#child, 'exit');
  }
}
