import { Worker } from 'node:worker_threads';
import { messageOf, TollcastError } from '../errors.ts';
import {
  FIGURES_MS,
  type FromThread,
  type MediaThread,
  NO_FIGURES,
  type ThreadFigures,
  type ThreadSettings,
  type ToEdge,
  type ToThread,
} from './messages.ts';

export interface WorkerEvents {
  /** It listens. It says nothing to the edge before. */
  listens(worker: MediaWorker): void;
  /** What it says to the edge. */
  said(worker: MediaWorker, message: ToEdge): void;
  /** As pino wrote it. */
  logged(worker: MediaWorker, line: string): void;
  /** It is dead; `error` where that was the cause. */
  ended(worker: MediaWorker, error: unknown): void;
}

/** One that says nothing for so many looks, one each `FIGURES_MS`, hangs: what it does not take would pile up in its port. */
const MAX_SILENT_LOOKS = 10;

/** A media thread, from its start to its end. */
export class MediaWorker implements MediaThread {
  /** Among the threads: 1, 2, 3 … */
  readonly number: number;
  readonly #worker: Worker;
  readonly #events: WorkerEvents;
  #cause: unknown;
  readonly #listening = Promise.withResolvers<void>();
  readonly #closing = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  /** Looks at it since it gave a sign of life. */
  #silentLooks = 0;
  /** The latest that it said of itself. */
  figures: ThreadFigures = NO_FIGURES;
  /** Where it listens, once it does. */
  url: string | undefined;

  constructor(number: number, settings: ThreadSettings, events: WorkerEvents) {
    this.number = number;
    this.#events = events;
    // The sources run as they are, under Node and jest; production runs what the compiler made of them.
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
    const url = new URL(`../media-thread${extension}`, import.meta.url);
    this.#worker = new Worker(url, { workerData: settings, name: `media ${number}` });
    this.#worker.on('message', (message: FromThread) => this.#receive(message));
    this.#worker.on('error', (cause) => {
      this.#cause = cause;
    });
    this.#worker.on('exit', () => this.#ended());
  }

  post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  /**
   * Resolves once it listens.
   * @throws TollcastError `port-in-use`, `listen-failed`, `thread-failed`
   */
  get listening(): Promise<void> {
    return this.#listening.promise;
  }

  /** Resolves once it is dead. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** Ends it where it hangs. To be called each `FIGURES_MS`. */
  look(): void {
    if (++this.#silentLooks > MAX_SILENT_LOOKS)
      this.terminate(new Error(`it gave no sign of life for ${MAX_SILENT_LOOKS * FIGURES_MS} ms`));
  }

  /** Has it let go of its viewings and end. Resolves once it has reported all that it sent, or is dead. */
  leave(): Promise<void> {
    this.post({ type: 'close' });
    return this.#closing.promise;
  }

  /** @param cause where it is to be told as why it ended */
  terminate(cause?: Error): void {
    this.#cause ??= cause;
    void this.#worker.terminate();
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case 'listening':
        this.url = message.url;
        this.#events.listens(this);
        this.#listening.resolve();
        return;
      case 'not-listening':
        this.#listening.reject(new TollcastError(message.code, message.message));
        return;
      case 'closing':
        this.#closing.resolve();
        return;
      case 'figures':
        this.figures = message.figures;
        this.#silentLooks = 0;
        return;
      case 'log':
        this.#events.logged(this, message.line);
        return;
      default:
        this.#events.said(this, message);
    }
  }

  #ended(): void {
    const error = this.#cause;
    const why = `a media thread could not be started: ${messageOf(error)}`;
    this.#listening.reject(new TollcastError('thread-failed', why, { cause: error }));
    this.#closing.resolve();
    this.#exited.resolve();
    this.#events.ended(this, error);
  }
}
