import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Level, Logger } from 'pino';
import { listenError } from '../api/http-server.ts';
import { backOffMs } from '../back-off.ts';
import type { Clock, Timers } from '../clock.ts';
import type { CertificateSource } from '../config/certificates.ts';
import { messageOf, TollcastError, unreachable } from '../errors.ts';
import { MediaWorker } from './media-worker.ts';
import { FIGURES_MS, type FromThread, MEDIA_PORT, type ThreadFigures, type ThreadSettings } from './messages.ts';
import { ThreadTotals } from './thread-totals.ts';
import type { ThreadedEdge } from './threaded-edge.ts';

export interface MediaThreadsOptions {
  readonly threads: number;
  readonly settings: Omit<ThreadSettings, 'certificate'>;
  readonly tls: CertificateSource | undefined;
  readonly edge: ThreadedEdge;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
}

/** One that says nothing for so many looks, one each `FIGURES_MS`, hangs: what it does not take would pile up in its port. */
const MAX_SILENT_LOOKS = 10;
/** One that lived for so long may be started again at once. */
const STEADY_MS = 10_000;
const RESTART = { firstMs: 100, mostMs: 8_000 };
/** How long threads have to say what they sent last. */
const CLOSING_WITHIN_MS = 1_000;
/** And to close their sockets, a little longer than they need for those that do not close in peace (roles/http-role.ts). */
const EXIT_WITHIN_MS = 2_500;

/** A thread, or the place of one that is being started again. */
interface Place {
  readonly number: number;
  worker: MediaWorker | undefined;
  startedMs: number;
  attempts: number;
}

/**
 * The media threads of a process, which all listen on one port. One that dies is started again; its viewers ask for another ticket by
 * themselves, and come to any of them.
 */
export class MediaThreads {
  readonly #options: MediaThreadsOptions;
  readonly #places: readonly Place[];
  readonly #totals = new ThreadTotals();
  /** Told of each worker once: that it listens, that it is about to close. */
  readonly #awaited = new Map<MediaWorker, PromiseWithResolvers<void>>();
  #port: number;
  /** Whether the port is free; undefined while nobody asks. */
  #probing: Promise<void> | undefined;
  #url = '';
  #isClosing = false;
  #cancelLook: () => void = () => undefined;

  private constructor(options: MediaThreadsOptions) {
    this.#options = options;
    this.#port = options.settings.http.port;
    this.#places = Array.from({ length: options.threads }, (_, at) => ({
      number: at + 1,
      worker: undefined,
      startedMs: 0,
      attempts: 0,
    }));
    options.tls?.follow({
      setSecureContext: (certificate) => {
        for (const worker of this.#workers) worker.post({ type: 'certificate', certificate });
      },
    });
  }

  /**
   * Resolves once all of them listen.
   * @throws TollcastError `port-in-use`, `listen-failed`
   */
  static async start(options: MediaThreadsOptions): Promise<MediaThreads> {
    const threads = new MediaThreads(options);
    try {
      await threads.#startAll();
    } catch (error) {
      threads.#isClosing = true;
      for (const worker of threads.#workers) worker.terminate();
      throw error;
    }
    return threads;
  }

  /** Where they listen. */
  get url(): string {
    return this.#url;
  }

  get figures(): ThreadFigures {
    return this.#totals.with(this.#workers.map(({ figures }) => figures));
  }

  /** Why not all that should be there are; undefined if they are. */
  notReady(): string | undefined {
    const missing = this.#places.find(({ worker }) => worker?.url === undefined);
    return missing === undefined ? undefined : `media thread ${missing.number} of ${this.#places.length} is not there`;
  }

  /** Has them let go of all viewings. Resolves once they have reported all that they sent. */
  async leave(): Promise<void> {
    this.#isClosing = true;
    this.#cancelLook();
    const left = this.#workers.map((worker) => {
      const told = this.#await(worker);
      worker.post({ type: 'close' });
      return told;
    });
    await this.#within(CLOSING_WITHIN_MS, Promise.all(left));
  }

  /** After `leave`: resolves once they are gone. */
  async close(): Promise<void> {
    await this.#within(EXIT_WITHIN_MS, Promise.all(this.#workers.map(({ exited }) => exited)));
    for (const worker of this.#workers) worker.terminate();
  }

  get #workers(): readonly MediaWorker[] {
    return this.#places.flatMap(({ worker }) => worker ?? []);
  }

  async #startAll(): Promise<void> {
    const [first, ...others] = this.#places;
    if (first === undefined) return;
    await this.#probe();
    const started = this.#start(first);
    // Where the port is to be any free one, the first of them finds it.
    if (this.#port === 0) await started;
    await Promise.all([started, ...others.map((place) => this.#start(place))]);
    this.#look();
  }

  /** Resolves once it listens. @throws TollcastError */
  async #start(place: Place): Promise<void> {
    const { settings, tls, clock } = this.#options;
    const certificate = tls === undefined ? undefined : { cert: tls.cert, key: tls.key };
    const http = { ...settings.http, port: this.#port };
    const worker = new MediaWorker(
      place.number,
      { ...settings, http, certificate },
      {
        message: (from, message) => this.#receive(from, message),
        ended: (dead, error) => this.#ended(place, dead, error),
      },
    );
    place.worker = worker;
    place.startedMs = clock.nowMs();
    await this.#await(worker);
    this.#url = worker.url ?? this.#url;
    this.#port = Number(new URL(this.#url).port);
  }

  /** Whoever shares a port by `reusePort` finds it free though another process has it, that shares it as well. */
  async #probe(): Promise<void> {
    const { host } = this.#options.settings;
    const server = createServer();
    try {
      server.listen({ host, port: this.#port, exclusive: true });
      await once(server, 'listening');
    } catch (error) {
      throw listenError(error, { host, port: this.#port, setting: MEDIA_PORT });
    }
    server.close();
    await once(server, 'close');
  }

  #receive(worker: MediaWorker, message: FromThread): void {
    switch (message.type) {
      case 'listening':
        worker.url = message.url;
        this.#options.edge.joined(worker);
        this.#awaited.get(worker)?.resolve();
        return;
      case 'not-listening':
        this.#awaited.get(worker)?.reject(new TollcastError(message.code, message.message));
        return;
      case 'closing':
        // One that could not listen undoes what it had begun before it says why.
        if (worker.url !== undefined) this.#awaited.get(worker)?.resolve();
        return;
      case 'figures':
        worker.figures = message.figures;
        worker.silentLooks = 0;
        return;
      case 'log':
        this.#write(worker, message.line);
        return;
      case 'follow':
      case 'unfollow':
      case 'catch-up':
      case 'claim':
      case 'delivery':
        this.#options.edge.receive(worker, message);
        return;
      default:
        unreachable(message);
    }
  }

  #ended(place: Place, worker: MediaWorker, error: unknown): void {
    // Where it could not listen, the next one may be there before it is gone.
    if (place.worker === worker) place.worker = undefined;
    this.#totals.add(worker.figures);
    this.#options.edge.lost(worker);
    const cause = new TollcastError('thread-failed', `a media thread could not be started: ${messageOf(error)}`, {
      cause: error,
    });
    const wasThere = worker.url !== undefined;
    this.#awaited.get(worker)?.reject(cause);
    this.#awaited.delete(worker);
    // One that never listened is said by whoever awaits it.
    if (this.#isClosing || !wasThere) return;
    this.#options.log.error(
      { thread: worker.number, err: error },
      'a media thread has died: it is started again, and its viewers come back by themselves',
    );
    if (this.#options.clock.nowMs() - place.startedMs >= STEADY_MS) place.attempts = 0;
    this.#restart(place);
  }

  #restart(place: Place): void {
    const { timers, log } = this.#options;
    timers.after(backOffMs(place.attempts++, Math.random(), RESTART), () => {
      this.#startAgain(place).catch((error) => {
        if (this.#isClosing) return;
        log.error({ thread: place.number, err: error }, 'a media thread could not be started again; trying again');
        this.#restart(place);
      });
    });
  }

  async #startAgain(place: Place): Promise<void> {
    // Where there is another thread, it is that which has the port, or is about to.
    if (this.#workers.length === 0) this.#probing ??= this.#probe().finally(() => (this.#probing = undefined));
    await this.#probing;
    if (!this.#isClosing) await this.#start(place);
  }

  /** Ends one that hangs: then it is started again. */
  #look(): void {
    const cause = () => new Error(`it gave no sign of life for ${MAX_SILENT_LOOKS * FIGURES_MS} ms`);
    for (const worker of this.#workers) if (++worker.silentLooks > MAX_SILENT_LOOKS) worker.terminate(cause());
    this.#cancelLook = this.#options.timers.after(FIGURES_MS, () => this.#look());
  }

  #write({ number }: MediaWorker, line: string): void {
    const { level, time: _, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const { log } = this.#options;
    const label: Level = LEVELS.find((each) => log.levels.values[each] === level) ?? 'error';
    log[label]({ ...fields, thread: number }, String(msg ?? ''));
  }

  #await(worker: MediaWorker): Promise<void> {
    const told = Promise.withResolvers<void>();
    this.#awaited.set(worker, told);
    return told.promise;
  }

  /** What fails, or is late, is gone. */
  async #within(withinMs: number, promise: Promise<unknown>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const cancel = this.#options.timers.after(withinMs, late.resolve);
    await Promise.race([promise.catch(() => undefined), late.promise]);
    cancel();
  }
}

const LEVELS: readonly Level[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
