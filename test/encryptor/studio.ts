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
  readonly #waiting = new Set<() => void>();

  constructor({ keys, clock }: Studio, program: string, broadcast: string) {
    this.#clock = clock;
    this.reports = keys.begin(program, broadcast, this);
  }

  get newest(): number {
    return this.began.at(-1)?.epoch ?? 0;
  }

  offer({ key: { epoch, contentKey }, notBeforeMs }: KeyOffer): void {
    this.offered.set(epoch, Buffer.from(contentKey).toString('hex'));
    const cancel = systemTimers.after(Math.max(0, notBeforeMs - this.#clock.nowMs()), () => {
      this.#waiting.delete(cancel);
      if (epoch <= this.newest) return;
      const atMs = this.#clock.nowMs();
      this.began.push({ epoch, atMs });
      this.reports.began(epoch, atMs);
    });
    this.#waiting.add(cancel);
  }

  end(reason: AuthorityEnd): void {
    this.ended = reason;
    this.stop();
  }

  /** The process dies: nothing it had planned happens. */
  stop(): void {
    for (const cancel of this.#waiting) cancel();
  }
}

/** Waits until something holds, looking again as often as the event loop allows without hogging it. */
export async function until(holds: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  for (const fromMs = performance.now(); !holds(); ) {
    if (performance.now() - fromMs > withinMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
