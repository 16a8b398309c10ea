import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { lightClip, publish } from './clip.ts';

/** Encoders that connect again whenever their clip is at its end, or they were thrown out. */
export class Broadcasters {
  readonly #pauseMs: number;
  readonly #running = new Set<ChildProcess>();
  #over = false;

  /** @param pauseMs before each further connection */
  constructor(pauseMs = 0) {
    this.#pauseMs = pauseMs;
  }

  start(url: string): void {
    if (this.#over) return;
    const child = publish(lightClip(), url);
    this.#running.add(child);
    child.once('exit', () => {
      this.#running.delete(child);
      void pause(this.#pauseMs).then(() => this.start(url));
    });
  }

  stop(): void {
    this.#over = true;
    for (const child of this.#running) child.kill('SIGKILL');
  }
}
