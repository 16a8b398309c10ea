import { backOffMs } from '../back-off.ts';
import { sameTariff } from '../billing/tariff.ts';
import type { Timers } from '../clock.ts';
import { TollcastError } from '../errors.ts';
import type { ProgramInfo } from '../protocol/messages.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { ViewingEnd } from './end.ts';
import { RECONNECT_FOR_MS } from './limits.ts';
import { fetchProgram } from './programs.ts';
import { Rewatch } from './rewatch.ts';
import type { ViewerClient } from './viewer-client.ts';
import { holdingTimers, wait } from './wait.ts';

export interface WatchOnOptions {
  /** The server's address, as in `ViewerOptions`. */
  readonly base: string;
  /** What the viewer consented to. */
  readonly program: ProgramInfo;
  /** Opens a viewing of it. */
  start(): ViewerClient;
  /** A viewing was lost, and another is to follow once the program can be watched again. */
  lost?(end: ViewingEnd): void;
  /** Aborted: no further viewing. */
  readonly stop: AbortSignal;
  readonly timers?: Timers;
  readonly random?: () => number;
}

/**
 * Watches a program by one viewing after another: one that was lost, and ended by nobody's wish, is followed by another at the same
 * price, for that was consented to. Gives each viewing's client as it begins; the last of them says how it ended.
 * @throws TollcastError `tariff-changed`, `program-unknown`, or why the server could not be asked, where a lost viewing cannot be
 * followed by another
 */
export async function* watchOn(options: WatchOnOptions): AsyncGenerator<ViewerClient, void, void> {
  const rewatch = new Rewatch();
  for (;;) {
    const client = options.start();
    yield client;
    const end = await client.ended;
    if (options.stop.aborted || !rewatch.allows(end)) return;
    options.lost?.(end);
    await notSooner(end, options);
    await liveAgain(options);
    if (options.stop.aborted) return;
  }
}

/** A server that has many to admit may have said when to come again. */
async function notSooner(end: ViewingEnd, { stop, timers = holdingTimers }: WatchOnOptions): Promise<void> {
  const retryInMs = end.by === 'error' && end.error instanceof Refusal ? end.error.retryInMs : undefined;
  if (retryInMs !== undefined) await wait(timers, retryInMs, stop);
}

/** Waits for a program whose server died, or lost whoever encrypts it, for as long as that may help. */
async function liveAgain({ base, program, stop, timers = holdingTimers, random = Math.random }: WatchOnOptions): Promise<void> {
  const fromMs = performance.now();
  for (let attempt = 0; !stop.aborted; attempt++) {
    const now = await fetchProgram(base, program.name).catch((error: TollcastError) => error);
    if (now instanceof TollcastError) {
      if (now.code !== 'unreachable' || isTooLong(fromMs)) throw now;
    } else if (!sameTariff(now.tariff, program.tariff)) {
      throw new TollcastError('tariff-changed', `the price of ${program.name} has changed; ask for it again`);
    } else if (now.live) {
      return;
    } else if (isTooLong(fromMs)) {
      throw new TollcastError('not-live', `${program.name} is not live any more`);
    }
    await wait(timers, backOffMs(attempt, random()), stop);
  }
}

const isTooLong = (fromMs: number): boolean => performance.now() - fromMs > RECONNECT_FOR_MS;
