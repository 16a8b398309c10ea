import type { Logger } from 'pino';
import { backOffMs } from '../back-off.ts';
import type { Clock, Timers } from '../clock.ts';
import type { CertificateSource } from '../config/certificates.ts';
import type { MediaPort } from './media-port.ts';
import { MediaWorker } from './media-worker.ts';
import type { ThreadFigures, ThreadSettings } from './messages.ts';
import { writeThreadLine } from './thread-log.ts';
import type { ThreadedEdge } from './threaded-edge.ts';

export interface PlaceOptions {
  readonly settings: Omit<ThreadSettings, 'certificate'>;
  readonly tls: CertificateSource | undefined;
  readonly edge: ThreadedEdge;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
}

export interface PlacePorts extends PlaceOptions {
  readonly port: MediaPort;
  /** A thread is dead, and these were its last figures. */
  gone(figures: ThreadFigures): void;
}

/** One that lived for so long may be started again at once. */
const STEADY_MS = 10_000;
const RESTART = { firstMs: 100, mostMs: 8_000 };

/** The place of one media thread: when it dies, another one is started there. */
export class ThreadPlace {
  readonly number: number;
  readonly #ports: PlacePorts;
  #worker: MediaWorker | undefined;
  #startedMs = 0;
  /** To start one since the last that was steady. */
  #attempts = 0;
  #cancelRestart: () => void = () => undefined;
  #isLeft = false;

  constructor(number: number, ports: PlacePorts) {
    this.number = number;
    this.#ports = ports;
  }

  /** The thread that is there; undefined while it is being started again. */
  get worker(): MediaWorker | undefined {
    return this.#worker;
  }

  /**
   * Resolves once a thread listens.
   * @throws TollcastError `port-in-use`, `listen-failed`, `thread-failed`
   */
  async start(): Promise<void> {
    const { port, settings, tls, clock, edge, log } = this.#ports;
    await port.free();
    if (this.#isLeft) return;
    const certificate = tls === undefined ? undefined : { cert: tls.cert, key: tls.key };
    const http = { ...settings.http, port: port.number };
    const worker = new MediaWorker(
      this.number,
      { ...settings, http, certificate },
      {
        listens: (thread) => edge.joined(thread),
        said: (thread, message) => edge.receive(thread, message),
        logged: ({ number }, line) => writeThreadLine(log, number, line),
        ended: (dead, error) => this.#ended(dead, error),
      },
    );
    port.taken();
    this.#worker = worker;
    this.#startedMs = clock.nowMs();
    await worker.listening;
    if (worker.url !== undefined) port.found(worker.url);
  }

  /** From here on none is started. Resolves once the one that is there has reported all that it sent. */
  async leave(): Promise<void> {
    this.#isLeft = true;
    this.#cancelRestart();
    await this.#worker?.leave();
  }

  /** Ends the one that is there, and starts none. */
  end(): void {
    this.#isLeft = true;
    this.#cancelRestart();
    this.#worker?.terminate();
  }

  #ended(worker: MediaWorker, error: unknown): void {
    const { port, edge, clock, log, gone } = this.#ports;
    // Where it could not listen, the next one may be there before it is gone.
    if (this.#worker === worker) this.#worker = undefined;
    port.left();
    gone(worker.figures);
    edge.lost(worker);
    // One that never listened is said by whoever awaits it.
    if (this.#isLeft || worker.url === undefined) return;
    log.error(
      { thread: this.number, err: error },
      'a media thread has died: it is started again, and its viewers come back by themselves',
    );
    if (clock.nowMs() - this.#startedMs >= STEADY_MS) this.#attempts = 0;
    this.#restart();
  }

  #restart(): void {
    const { timers, log } = this.#ports;
    this.#cancelRestart = timers.after(backOffMs(this.#attempts++, Math.random(), RESTART), () => {
      this.start().catch((error) => {
        if (this.#isLeft) return;
        log.error({ thread: this.number, err: error }, 'a media thread could not be started again; trying again');
        this.#restart();
      });
    });
  }
}
