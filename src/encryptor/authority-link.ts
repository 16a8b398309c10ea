import type { Logger } from 'pino';
import { type BackOffLimits, backOffMs } from '../back-off.ts';
import type { Clock, Timers } from '../clock.ts';
import type { Connection, ConnectionListener, Told } from './authority-connection.ts';

/** A connection that lasted so long was good: the next one is tried soon. */
const STEADY_MS = 5_000;
/** While it is away no further key comes, for anybody who watches: few ask, so they may ask often. */
const BACK_OFF: BackOffLimits = { firstMs: 250, mostMs: 2_000 };

export interface LinkOptions {
  /** For the log. */
  readonly url: string;
  readonly connect: (listener: ConnectionListener) => Connection;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface LinkListener {
  opened(programs: readonly string[]): void;
  told(message: Told, arrivedMs: number, connection: Connection): Promise<void> | void;
  lost(): void;
}

/** The way to the authority: one socket after another, for ever, with waits that grow and are jittered. */
export class AuthorityLink {
  readonly #options: LinkOptions;
  readonly #listener: LinkListener;
  #connection: Connection | undefined;
  #attempt = 0;
  #openedMs: number | undefined;
  /** Said in the log already. */
  #said: string | undefined;
  #cancelRetry: () => void = () => undefined;
  #closed = false;

  constructor(options: LinkOptions, listener: LinkListener) {
    this.#options = options;
    this.#listener = listener;
    this.#connect();
  }

  get isOpen(): boolean {
    return this.#connection?.isOpen ?? false;
  }

  /** Nothing happens where there is no connection. */
  send(message: Parameters<Connection['send']>[0]): void {
    if (this.isOpen) this.#connection?.send(message);
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#connection?.close();
  }

  #connect(): void {
    const { log, url } = this.#options;
    const connection = this.#options.connect({
      opened: (programs) => {
        this.#openedMs = this.#options.clock.nowMs();
        this.#said = undefined;
        log.info({ authority: url, programs }, 'connected to the authority');
        this.#listener.opened(programs);
      },
      told: (message, arrivedMs) => this.#listener.told(message, arrivedMs, connection),
      closed: (why) => this.#lost(why),
    });
    this.#connection = connection;
  }

  #lost(why: string): void {
    const { clock, timers, random } = this.#options;
    const wasOpenMs = this.#openedMs === undefined ? 0 : clock.nowMs() - this.#openedMs;
    this.#openedMs = undefined;
    this.#listener.lost();
    if (this.#closed) return;
    if (wasOpenMs >= STEADY_MS) this.#attempt = 0;
    this.#say(why);
    this.#cancelRetry = timers.after(backOffMs(this.#attempt++, random(), BACK_OFF), () => this.#connect());
  }

  /** Once for each reason, not once for each try. */
  #say(why: string): void {
    const { log, url } = this.#options;
    const level = this.#said === why ? 'debug' : 'error';
    this.#said = why;
    log[level]({ authority: url, reason: why }, `no connection to the authority: ${why}; trying again`);
  }
}
