import { pino } from 'pino';
import { type Clock, systemClock, systemTimers } from '../../src/clock.ts';
import type { AuthorityEnd, BroadcastReports, Encryptor } from '../../src/encryptor/key-source.ts';
import { RemoteKeySource } from '../../src/encryptor/remote-key-source.ts';
import type { KeyOffer } from '../../src/keys/content-key.ts';

/** The log lines of all studios, for tests of what must not be in them. */
export const logged: string[] = [];

const log = pino({ level: 'trace' }, { write: (line) => void logged.push(line) });

/** A clock that is hours off from everybody else's. */
export function skewedClock(byMs: number): Clock {
  const clock = systemClock();
  return { ...clock, wallAnchorMs: clock.wallAnchorMs - 3 * byMs, nowMs: () => clock.nowMs() + byMs };
}

/** An encryptor process, in this one: it has keys of its own, and begins each epoch as it is offered, as a sealer does. */
export class Studio {
  readonly keys: RemoteKeySource;
  readonly clock: Clock;

  private constructor(keys: RemoteKeySource, clock: Clock) {
    this.keys = keys;
    this.clock = clock;
  }

  static async open(
    url: string,
    encryptor: string,
    secret: string,
    { clock = systemClock() }: { clock?: Clock } = {},
  ): Promise<Studio> {
    const keys = await RemoteKeySource.open({ url, encryptor, secret, clock, timers: systemTimers, log, random: () => 0 });
    return new Studio(keys, clock);
  }

  broadcast(program: string, broadcast: string): StudioBroadcast {
    return new StudioBroadcast(this, program, broadcast);
  }
}

export class StudioBroadcast implements Encryptor {
  /** Epochs and their keys, hex, as they were offered. */
  readonly offered = new Map<number, string>();
  readonly began: { readonly epoch: number; readonly atMs: number }[] = [];
  readonly reports: BroadcastReports;
  ended: AuthorityEnd | undefined;
  readonly #clock: Clock;
  /** By epoch, when each may begin. */
  readonly ripeMs = new Map<number, number>();
  #cancelWake: () => void = () => undefined;
  #away = false;
  #stopped = false;

  constructor({ keys, clock }: Studio, program: string, broadcast: string) {
    this.#clock = clock;
    this.reports = keys.begin(program, broadcast, this);
  }

  get newest(): number {
    return this.began.at(-1)?.epoch ?? 0;
  }

  offer({ key: { epoch, contentKey }, notBeforeMs }: KeyOffer): void {
    this.offered.set(epoch, Buffer.from(contentKey).toString('hex'));
    this.ripeMs.set(epoch, notBeforeMs);
    this.#wake();
  }

  /** The broadcaster is gone: no epoch begins, what is on offer stays. */
  away(): void {
    this.#away = true;
    this.reports.away();
  }

  back(): void {
    this.#away = false;
    this.reports.back();
    this.#wake();
  }

  end(reason: AuthorityEnd): void {
    this.ended = reason;
    this.stop();
  }

  /** The process dies: nothing it had planned happens. */
  stop(): void {
    this.#stopped = true;
    this.#cancelWake();
  }

  /** Begins the newest epoch that may begin, or waits for the first. */
  #wake(): void {
    this.#cancelWake();
    if (this.#away || this.#stopped) return;
    const nowMs = this.#clock.nowMs();
    const open = [...this.ripeMs].filter(([epoch]) => epoch > this.newest);
    const ripe = open.filter(([, atMs]) => atMs <= nowMs).map(([epoch]) => epoch);
    if (ripe.length > 0) {
      const epoch = Math.max(...ripe);
      this.began.push({ epoch, atMs: nowMs });
      this.reports.began(epoch, nowMs);
    }
    const waiting = [...this.ripeMs].filter(([epoch]) => epoch > this.newest).map(([, atMs]) => atMs - nowMs);
    if (waiting.length > 0) this.#cancelWake = systemTimers.after(Math.max(1, Math.min(...waiting)), () => this.#wake());
  }
}

/** Waits until something holds, looking again as often as the event loop allows without hogging it. */
export async function until(holds: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  for (const fromMs = performance.now(); !holds(); ) {
    if (performance.now() - fromMs > withinMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
