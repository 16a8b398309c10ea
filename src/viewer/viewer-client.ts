import { messageOf, TollcastError, unreachable } from '../errors.ts';
import { type DeviceKeys, generateDeviceKeys } from '../keys/device.ts';
import type { ServerMessage, Usage } from '../protocol/messages.ts';
import type { Admission, Waiting } from './admission.ts';
import { answerKey } from './answer-key.ts';
import { ControlLink } from './control-link.ts';
import type { ViewingEnd } from './end.ts';
import type { FlvQueue } from './flv-queue.ts';
import { KeyRhythm } from './key-rhythm.ts';
import { STOP_WITHIN_MS } from './limits.ts';
import { MediaFeed } from './media-feed.ts';
import { MediaPath, type MediaStatistics } from './media-path.ts';
import type { ViewerObserver, ViewerOptions } from './options.ts';
import { RunningUsage } from './running-usage.ts';
import { serverUrl, standardSocket } from './socket.ts';
import { type ViewerFacts, type ViewerState, viewerState } from './state.ts';
import { holdingTimers } from './wait.ts';

export interface ViewerStatistics extends MediaStatistics {
  readonly confirmedEpochs: number;
}

/**
 * The viewer's client in one viewing: consents, keeps the keys, answers every update with a receipt, opens the chunks and gives
 * out FLV bytes, until it is stopped or the viewing ends (docs/PROTOCOL.md). A lost socket is replaced and the viewing resumed;
 * once it is over, watching anew is another client.
 *
 * @example
 * const program = await fetchProgram('https://video.example', 'news');
 * const client = ViewerClient.start({ base: 'https://video.example', program: 'news', tariff: program.tariff, token });
 * for await (const bytes of client.bytes()) process.stdout.write(bytes);
 * const end = await client.ended;
 */
export class ViewerClient {
  /** Fulfils when the viewing is over and its last bytes are given out. Never rejects. */
  readonly ended: Promise<ViewingEnd>;

  readonly #options: Required<ViewerOptions>;
  readonly #observer: ViewerObserver;
  readonly #rhythm = new KeyRhythm();
  readonly #running = new RunningUsage();
  readonly #path: MediaPath;
  readonly #feed: MediaFeed;
  readonly #control: ControlLink;
  /** Aborted with the error that ends the viewing from this side. */
  readonly #over = new AbortController();

  #facts = FACTS_AT_START;
  #shownState: ViewerState = 'connecting';
  #admission: Admission | undefined;
  #waiting: Waiting | undefined;
  #usage: Usage | undefined;
  #confirmedEpochs = 0;
  #hadTicket = false;
  #newestEpoch = 0;
  #newestConfirmed = 0;
  #cancelStopTimeout: () => void = () => {};

  private constructor(options: ViewerOptions) {
    const all = { ...DEFAULTS, ...options };
    this.#options = all;
    this.#observer = all.observer;
    this.#control = new ControlLink(all, this.#over.signal);
    this.#path = new MediaPath({ opened: (epoch) => this.#chunkOpened(epoch), piece: (piece) => this.#observer.media?.(piece) });
    this.#feed = new MediaFeed(all, {
      chunk: (sealed) => this.#path.accept(sealed),
      askTicket: () => this.#askTicket(),
      lost: () => this.#learn({ media: 'lost' }),
      gaveUp: (error) => this.#over.abort(error),
    });
    this.#over.signal.addEventListener('abort', () => this.#leave());
    this.ended = Promise.resolve().then(() => this.#live());
  }

  /** Asks to watch, at once. */
  static start(options: ViewerOptions): ViewerClient {
    return new ViewerClient(options);
  }

  get state(): ViewerState {
    return viewerState(this.#facts);
  }

  get statistics(): ViewerStatistics {
    return { ...this.#path.statistics, confirmedEpochs: this.#confirmedEpochs };
  }

  /** Milliseconds of billable time so far: the server's last figure, and an estimate of what came since. */
  get billableMs(): number {
    return this.#running.billableMs;
  }

  /** Where it stands, while it waits to be admitted. */
  get waiting(): Waiting | undefined {
    return this.#facts.control === 'waiting' ? this.#waiting : undefined;
  }

  /** The FLV bytes from now on, for one reader; ends with the viewing. See FlvQueue for what a slow reader gets. */
  bytes(maxQueuedBytes?: number): FlvQueue {
    return this.#path.bytes(maxQueuedBytes);
  }

  /** Ends the viewing at once, and tells what it cost. */
  stop(): Promise<ViewingEnd> {
    if (this.#facts.stopping || this.#facts.ended) return this.ended;
    this.#learn({ stopping: true });
    if (this.#admission === undefined) {
      this.#over.abort(new TollcastError('cancelled', 'stopped before the viewing began'));
    } else {
      this.#control.send({ type: 'stop' });
      this.#cancelStopTimeout = this.#options.timers.after(STOP_WITHIN_MS, () => {
        this.#over.abort(new TollcastError('unreachable', 'stopped, but the server did not say what the viewing cost'));
      });
      this.retryNow();
    }
    return this.ended;
  }

  /** Cuts short the wait before the next attempt to reconnect: for a host that knows the network is back. */
  retryNow(): void {
    this.#control.retryNow();
  }

  async #live(): Promise<ViewingEnd> {
    const end = await this.#view().catch((error: unknown): ViewingEnd => {
      this.#leave();
      const cause: unknown = this.#over.signal.aborted ? this.#over.signal.reason : error;
      return { by: 'error', error: tollcastError(cause), usage: this.#usage };
    });
    await this.#feed.finish();
    this.#control.close();
    await this.#path.end();
    this.#cancelStopTimeout();
    this.#learn({ ended: true });
    return end;
  }

  /** Ended from this side: spares the server, and the bill, the wait for a receipt that will not come. */
  #leave(): void {
    if (this.#admission !== undefined) this.#control.send({ type: 'stop' });
    this.#feed.close();
    this.#control.close();
  }

  /** From consent to end. @throws what ends a viewing other than the server's `ended` */
  async #view(): Promise<ViewingEnd> {
    requireWebCrypto();
    const device = await generateDeviceKeys();
    let admission = await this.#control.watch(this.#options, device, (waiting) => this.#wait(waiting));
    for (;;) {
      this.#admit(admission);
      const end = await this.#converse(admission, device);
      if (end !== undefined) return end;
      this.#learn({ control: 'lost' });
      admission = await this.#control.resume(admission.viewing, device, (waiting) => this.#wait(waiting));
    }
  }

  #wait(waiting: Waiting): void {
    this.#waiting = waiting;
    if (this.#admission === undefined) this.#learn({ control: 'waiting' });
    this.#observer.waiting?.(waiting);
  }

  #admit(admission: Admission): void {
    const { sessionKey, ...told } = admission;
    this.#admission = admission;
    this.#learn({ control: 'open' });
    this.#observer.admitted?.(told);
    if (this.#facts.stopping) this.#control.send({ type: 'stop' });
    this.#feed.controlRestored();
  }

  /** Acts on what the server says, until it says that the viewing ended, or the socket is lost (undefined). */
  async #converse(admission: Admission, device: DeviceKeys): Promise<ViewingEnd | undefined> {
    for (;;) {
      const message = await this.#control.next(this.#rhythm.silenceMs);
      if (message === undefined) return undefined;
      const end = await this.#act(message, admission, device);
      if (end !== undefined) return end;
    }
  }

  async #act(message: ServerMessage, admission: Admission, device: DeviceKeys): Promise<ViewingEnd | undefined> {
    switch (message.type) {
      case 'key': {
        this.#rhythm.key(message.epoch, this.#options.clock.nowMs());
        const { contentKey, receipt } = await answerKey(message, admission, device, this.#path.statistics.openedChunks);
        await this.#path.hold(message.epoch, contentKey);
        this.#control.send({ type: 'receipt', jws: receipt });
        return undefined;
      }
      case 'confirmed':
        this.#confirmedEpochs++;
        this.#gateOpened(message.epoch);
        this.#takeUsage(message.usage);
        this.#learn({ confirmed: true });
        this.#observer.confirmed?.(message.epoch);
        // The first one was lost with its socket, and the ticket with it.
        if (!message.started && !this.#hadTicket) this.#askTicket();
        return undefined;
      case 'ticket':
        this.#hadTicket = true;
        this.#takeTicket(message.url);
        return undefined;
      case 'media':
        this.#setAway(message.state === 'away');
        return undefined;
      case 'ended':
        this.#takeUsage(message.usage);
        return { by: 'server', reason: message.reason, usage: message.usage, final: message.final };
      case 'error': {
        const error = new TollcastError(message.code, message.message);
        if (message.fatal) throw error;
        this.#observer.refused?.(error);
        return undefined;
      }
      case 'hello':
      case 'waiting':
      case 'viewing':
        throw new TollcastError('protocol-violation', `the server sent ${message.type} in the middle of a viewing`);
      default:
        return unreachable(message);
    }
  }

  /** An edge whose address is none is as good as one that cannot be reached. */
  #takeTicket(url: string): void {
    try {
      this.#feed.connect(serverUrl(this.#options.base, url, 'ws'));
    } catch (error) {
      this.#observer.refused?.(tollcastError(error));
      this.#feed.unreachable();
    }
  }

  #takeUsage(usage: Usage): void {
    this.#usage = usage;
    this.#running.correct(usage);
    this.#observer.usage?.(usage);
  }

  #askTicket(): boolean {
    if (this.#facts.control !== 'open') return false;
    this.#control.send({ type: 'ticket' });
    return true;
  }

  /** After a resume, the newest is told again. */
  #gateOpened(epoch: number): void {
    if (epoch > this.#newestConfirmed) this.#feed.opened();
    this.#newestConfirmed = Math.max(epoch, this.#newestConfirmed);
  }

  #setAway(away: boolean): void {
    this.#feed.setAway(away);
    this.#learn({ away });
  }

  #chunkOpened(epoch: number): void {
    this.#running.chunk(this.#options.clock.nowMs());
    if (this.#feed.connected) this.#learn({ media: 'flowing' });
    // A broadcaster's return begins an epoch. Chunks of the one before may still arrive after the word that it is away.
    if (epoch > this.#newestEpoch && this.#facts.away) this.#setAway(false);
    this.#newestEpoch = epoch;
  }

  #learn(facts: Partial<ViewerFacts>): void {
    this.#facts = { ...this.#facts, ...facts };
    const state = this.state;
    if (state === this.#shownState) return;
    this.#shownState = state;
    this.#observer.state?.(state);
  }
}

const DEFAULTS = {
  observer: {},
  openSocket: standardSocket,
  timers: holdingTimers,
  clock: { nowMs: () => Math.floor(performance.now()) },
  random: Math.random,
};

const FACTS_AT_START: ViewerFacts = {
  control: 'connecting',
  media: 'none',
  confirmed: false,
  away: false,
  stopping: false,
  ended: false,
};

const tollcastError = (error: unknown): TollcastError =>
  error instanceof TollcastError ? error : new TollcastError('protocol-violation', messageOf(error), { cause: error });

function requireWebCrypto(): void {
  if (globalThis.crypto?.subtle !== undefined) return;
  throw new TollcastError(
    'insecure-context',
    'decrypting needs WebCrypto, which browsers offer over HTTPS only: open this page by HTTPS',
  );
}
