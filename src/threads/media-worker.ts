import { Worker } from 'node:worker_threads';
import { type FromThread, NO_FIGURES, type ThreadFigures, type ThreadSettings, type ToThread } from './messages.ts';
import type { MediaThread } from './viewing-router.ts';

export interface WorkerEvents {
  message(worker: MediaWorker, message: FromThread): void;
  /** It is dead; `error` where that was the cause. */
  ended(worker: MediaWorker, error: unknown): void;
}

/** A media thread, from its start to its end. */
export class MediaWorker implements MediaThread {
  /** Among the threads: 1, 2, 3 … */
  readonly number: number;
  readonly #worker: Worker;
  #cause: unknown;
  readonly #exited = Promise.withResolvers<void>();
  /** The latest that it said of itself. */
  figures: ThreadFigures = NO_FIGURES;
  /** Looks at it since it gave a sign of life. */
  silentLooks = 0;
  /** Where it listens, once it does. */
  url: string | undefined;

  constructor(number: number, settings: ThreadSettings, events: WorkerEvents) {
    this.number = number;
    // The sources run as they are, under Node and jest; production runs what the compiler made of them.
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
    const url = new URL(`../media-thread${extension}`, import.meta.url);
    this.#worker = new Worker(url, { workerData: settings, name: `media ${number}` });
    this.#worker.on('message', (message: FromThread) => events.message(this, message));
    this.#worker.on('error', (cause) => {
      this.#cause = cause;
    });
    this.#worker.on('exit', () => {
      this.#exited.resolve();
      events.ended(this, this.#cause);
    });
  }

  post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  /** Resolves once it is dead. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** @param cause where it is to be told as why it ended */
  terminate(cause?: Error): void {
    this.#cause = cause;
    void this.#worker.terminate();
  }
}
