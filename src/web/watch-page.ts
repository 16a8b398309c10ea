import { runningCharge } from '../billing/charge.ts';
import { sameTariff } from '../billing/tariff.ts';
import { messageOf, TollcastError } from '../errors.ts';
import type { ProgramInfo } from '../protocol/messages.ts';
import type { ViewingEnd } from '../viewer/end.ts';
import { fetchProgram } from '../viewer/programs.ts';
import { ViewerClient } from '../viewer/viewer-client.ts';
import { watchOn } from '../viewer/watch-on.ts';
import { formatMoney } from './figures.ts';
import { canPlay, LivePlayer } from './live-player.ts';
import type { PageState } from './page-state.ts';
import type { WatchLink } from './watch-link.ts';
import { WatchView } from './watch-view.ts';

const METER_TICK_MS = 200;
/** How often a program that is not live is looked at again; jittered, so that those who wait do not ask all at once. */
const NOT_LIVE_RETRY_MS = 3_000;

/** What trying again does not mend. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  'token-expired',
  'token-invalid',
  'token-wrong-program',
  'device-not-allowed',
  'program-unknown',
  'insecure-context',
  'no-mse',
  'no-token',
]);

/** The program is looked up again, and what has become of it is shown. */
const OPENED_ANEW: ReadonlySet<string> = new Set(['not-live', 'tariff-changed', 'cancelled']);

interface Watching {
  readonly program: ProgramInfo;
  readonly stop: AbortController;
  client?: ViewerClient;
}

/** The watch page: offers, asks for consent, plays, counts, ends. */
export class WatchPage {
  readonly #link: WatchLink;
  readonly #view = new WatchView({ act: () => this.#act(), stop: () => this.leave() });
  #state: PageState = { phase: 'loading' };
  #watching: Watching | undefined;
  /** Billable time of viewings that this one goes on from without having been asked. */
  #carriedMs = 0;
  #undecodable = false;
  /** A viewing has been opened, or the viewer did not want to wait for it: the link's `autoplay` has done its part. */
  #begun = false;

  constructor(link: WatchLink) {
    this.#link = link;
  }

  get video(): HTMLVideoElement {
    return this.#view.video;
  }

  /** Looks up the program, and offers it. */
  async open(): Promise<void> {
    this.#show({ phase: 'loading' });
    try {
      this.#requireAbilities();
      const program = await fetchProgram(this.#link.base, this.#link.program);
      if (!program.live) this.#awaitLive(program);
      else if (this.#link.autoplay && !this.#begun) void this.#watch(program);
      else this.#offer(program);
    } catch (error) {
      this.#problem(error);
    }
  }

  /** The page is being left: so is the viewing. */
  leave(): void {
    this.#begun = true;
    this.#watching?.stop.abort();
    void this.#watching?.client?.stop();
  }

  /** The network is back. */
  online(): void {
    this.#watching?.client?.retryNow();
  }

  #requireAbilities(): void {
    if (this.#link.token === undefined) throw new TollcastError('no-token', 'the link has no token');
    if (!globalThis.isSecureContext) throw new TollcastError('insecure-context', 'this page needs HTTPS');
    if (!canPlay()) throw new TollcastError('no-mse', 'this browser has no Media Source Extensions');
  }

  #act(): void {
    switch (this.#state.phase) {
      case 'offer':
        this.#view.video.muted = false;
        void this.#watch(this.#state.program);
        return;
      case 'ended':
      case 'problem':
        void this.open();
        return;
      case 'loading':
      case 'not-live':
      case 'viewing':
        return;
    }
  }

  #offer(program: ProgramInfo): void {
    const before = this.#watching?.program.tariff;
    this.#show({ phase: 'offer', program, changed: before !== undefined && !sameTariff(before, program.tariff) });
  }

  #awaitLive(program: ProgramInfo): void {
    this.#show({ phase: 'not-live', program });
    setTimeout(() => void this.#lookAgain(), NOT_LIVE_RETRY_MS * (1 + Math.random() / 2));
  }

  async #lookAgain(): Promise<void> {
    if (this.#state.phase !== 'not-live') return;
    const program = await fetchProgram(this.#link.base, this.#link.program).catch(() => undefined);
    if (program === undefined) this.#awaitLive(this.#state.program);
    else if (program.live) await this.open();
    else this.#awaitLive(program);
  }

  /** The viewer has consented to this program at this price: to another viewing too, where one is lost. */
  async #watch(program: ProgramInfo): Promise<void> {
    const watching: Watching = { program, stop: new AbortController() };
    this.#watching = watching;
    this.#carriedMs = 0;
    this.#undecodable = false;
    let end: ViewingEnd | undefined;
    const viewings = watchOn({
      base: this.#link.base,
      program,
      start: () => this.#start(watching),
      lost: () => this.#show({ phase: 'viewing', program, state: 'reconnecting' }),
      stop: watching.stop.signal,
    });
    try {
      for await (const client of viewings) {
        end = await this.#play(client, program);
        this.#carriedMs += end.usage?.billableMs ?? 0;
        this.#readMeter(program, 0);
      }
      if (end !== undefined) this.#ended(program, end);
    } catch (error) {
      this.#refused(error);
    }
  }

  #start(watching: Watching): ViewerClient {
    const { program } = watching;
    this.#view.showViewing(undefined);
    this.#view.showKey(undefined);
    const client = ViewerClient.start({
      base: this.#link.base,
      program: program.name,
      tariff: program.tariff,
      token: this.#link.token ?? '',
      observer: {
        state: (state) => {
          if (watching.client === client && state !== 'ended')
            this.#show({ phase: 'viewing', program, state, waiting: client.waiting });
        },
        waiting: (waiting) => {
          if (client.state === 'waiting-for-turn') this.#show({ phase: 'viewing', program, state: client.state, waiting });
        },
        admitted: ({ viewing }) => {
          this.#begun = true;
          this.#view.showViewing(viewing);
        },
        confirmed: (epoch) => this.#view.showKey(epoch),
      },
    });
    watching.client = client;
    this.#show({ phase: 'viewing', program, state: client.state });
    return client;
  }

  /** Shows a viewing's picture and meter to its end. */
  async #play(client: ViewerClient, program: ProgramInfo): Promise<ViewingEnd> {
    const player = new LivePlayer(this.#view.video, client.bytes(), () => {
      this.#undecodable = true;
      void client.stop();
    });
    void player.play();
    this.#readMeter(program, 0);
    const ticking = setInterval(() => this.#readMeter(program, client.billableMs), METER_TICK_MS);
    const end = await client.ended;
    clearInterval(ticking);
    player.destroy();
    return end;
  }

  #ended(program: ProgramInfo, end: ViewingEnd): void {
    if (this.#undecodable) this.#show({ phase: 'ended', program, end: { ...undecodable, usage: end.usage } });
    else if (end.by === 'error' && end.usage === undefined) this.#refused(end.error);
    else this.#show({ phase: 'ended', program, end });
  }

  /** No viewing came about. */
  #refused(error: unknown): void {
    if (error instanceof TollcastError && OPENED_ANEW.has(error.code)) void this.open();
    else this.#problem(error);
  }

  #problem(thrown: unknown): void {
    const error =
      thrown instanceof TollcastError ? thrown : new TollcastError('unexpected', messageOf(thrown), { cause: thrown });
    this.#show({ phase: 'problem', error, retry: !FINAL_CODES.has(error.code) });
  }

  #readMeter({ tariff }: ProgramInfo, billableMs: number): void {
    const watchedMs = this.#carriedMs + billableMs;
    const { billableSeconds, amount } = runningCharge(watchedMs, tariff);
    const cost = formatMoney(amount, tariff.currency);
    this.#view.read({ watchedMs, billableSeconds, amount, cost });
  }

  #show(state: PageState): void {
    this.#state = state;
    this.#view.show(state);
  }
}

const undecodable = {
  by: 'error',
  error: new TollcastError('cannot-decode', 'this browser cannot decode the broadcast'),
} as const;
