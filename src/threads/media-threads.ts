import { MediaPort } from './media-port.ts';
import type { MediaWorker } from './media-worker.ts';
import { FIGURES_MS, type ThreadFigures } from './messages.ts';
import { type PlaceOptions, ThreadPlace } from './thread-place.ts';
import { ThreadTotals } from './thread-totals.ts';

export interface MediaThreadsOptions extends PlaceOptions {
  readonly threads: number;
}

/** How long threads have to say what they sent last: whoever has not by then hangs. */
const CLOSING_WITHIN_MS = 1_000;
/** And to close their sockets, a little longer than they need for those that do not close in peace (roles/http-role.ts). */
const EXIT_WITHIN_MS = 2_500;

/**
 * The media threads of a process, which all listen on one port. One that dies is started again; its viewers ask for another ticket by
 * themselves, and come to any of them.
 */
export class MediaThreads {
  readonly #options: MediaThreadsOptions;
  readonly #port: MediaPort;
  readonly #places: readonly ThreadPlace[];
  readonly #totals = new ThreadTotals();
  #cancelLook: () => void = () => undefined;

  private constructor(options: MediaThreadsOptions) {
    this.#options = options;
    const port = new MediaPort(options.settings);
    const ports = { ...options, port, gone: (figures: ThreadFigures) => this.#totals.add(figures) };
    this.#port = port;
    this.#places = Array.from({ length: options.threads }, (_, at) => new ThreadPlace(at + 1, ports));
    options.tls?.follow({
      setSecureContext: (certificate) => {
        for (const worker of this.#workers) worker.post({ type: 'certificate', certificate });
      },
    });
  }

  /**
   * Resolves once all of them listen.
   * @throws TollcastError `port-in-use`, `listen-failed`, `thread-failed`
   */
  static async start(options: MediaThreadsOptions): Promise<MediaThreads> {
    const threads = new MediaThreads(options);
    try {
      await threads.#startAll();
    } catch (error) {
      for (const place of threads.#places) place.end();
      throw error;
    }
    return threads;
  }

  /** Where they listen. */
  get url(): string {
    return this.#port.url;
  }

  get figures(): ThreadFigures {
    return this.#totals.with(this.#workers.map(({ figures }) => figures));
  }

  /** Why not all that should be there are; undefined if they are. */
  notReady(): string | undefined {
    const missing = this.#places.find(({ worker }) => worker?.url === undefined);
    return missing === undefined ? undefined : `media thread ${missing.number} of ${this.#places.length} is not there`;
  }

  /** Has them let go of all viewings. Resolves once they have reported all that they sent; one that hangs is ended. */
  async leave(): Promise<void> {
    this.#cancelLook();
    const left = this.#places.map(async (place) => {
      if (await this.#within(CLOSING_WITHIN_MS, place.leave())) return;
      this.#options.log.error(
        { thread: place.number },
        'a media thread does not answer: it is ended, and its last report is lost',
      );
      place.end();
    });
    await Promise.all(left);
  }

  /** After `leave`: resolves once they are gone. */
  async close(): Promise<void> {
    await this.#within(EXIT_WITHIN_MS, Promise.all(this.#workers.map(({ exited }) => exited)));
    for (const place of this.#places) place.end();
  }

  get #workers(): readonly MediaWorker[] {
    return this.#places.flatMap(({ worker }) => worker ?? []);
  }

  async #startAll(): Promise<void> {
    const [first, ...others] = this.#places;
    if (first === undefined) return;
    const started = first.start();
    // Where the port is to be any free one, the first of them finds it.
    if (this.#port.number === 0) await started;
    await Promise.all([started, ...others.map((place) => place.start())]);
    this.#look();
  }

  /** Whoever hangs is ended: then it is started again. */
  #look(): void {
    for (const worker of this.#workers) worker.look();
    this.#cancelLook = this.#options.timers.after(FIGURES_MS, () => this.#look());
  }

  /** What is late is not waited for. @returns whether it was in time */
  async #within(withinMs: number, promise: Promise<unknown>): Promise<boolean> {
    const late = Promise.withResolvers<boolean>();
    const cancel = this.#options.timers.after(withinMs, () => late.resolve(false));
    const isInTime = await Promise.race([promise.then(() => true), late.promise]);
    cancel();
    return isInTime;
  }
}
