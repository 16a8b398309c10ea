import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { native } from './native.ts';
import { cpuSecondsOf } from './process-figures.ts';

/** A server in a process of its own that writes the same bytes to every socket at an interval, and does nothing else. */
export class Floor implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(intervalMs: number, bitsPerSecond: number): Promise<Floor> {
    const program = native('floor');
    const bytes = Math.round((bitsPerSecond / 8_000) * intervalMs);
    const script = program === undefined ? [join(import.meta.dirname, 'floor-here.ts')] : [];
    const child = spawn(program ?? process.execPath, [...script, `${intervalMs}`, `${bytes}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (child.stdout === null) throw new Error('no standard output');
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    return new Floor(child, Number(line));
  }

  cpuSeconds(): number {
    return cpuSecondsOf(this.#child.pid ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await once(this.#child, 'exit');
  }
}
