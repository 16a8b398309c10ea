import { setImmediate } from 'node:timers/promises';
import {
  AuthorizationError,
  type Msg,
  type NatsConnection,
  PermissionViolationError,
  type Status,
} from '@nats-io/transport-node';
import type { Logger } from 'pino';
import type { Timers } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Unsubscribe } from './bus.ts';
import type { Connected } from './nats-connect.ts';
import { Denials, type Operation } from './nats-denials.ts';

/** What went over the connection, and what did not, since the start. */
export interface NatsCounters {
  reconnections: number;
  /** Messages that were not sent: no connection, or too much on its way already. */
  unsent: number;
  /** Messages that made no sense. */
  unreadable: number;
  /** What the server's permissions do not allow this role. */
  denied: number;
  /** Snapshots of gates that this edge asked for, and that this authority gave. */
  snapshots: number;
  /** Deliveries that were given up because too many waited. */
  lostDeliveries: number;
}

/** The client would keep any amount for a server that does not read. */
const MAX_UNCONFIRMED_BYTES = 33_554_432;
/** Every so often the server is asked to confirm what it has read. */
const CONFIRM_EVERY_BYTES = 262_144;
/** How long the server may take to judge what is probed. */
const PROBE_WITHIN_MS = 1_500;
/** The same complaint is logged no more often. */
const COMPLAIN_EVERY_MS = 60_000;
const CLOSE_WITHIN_MS = 1_000;

export interface Denied {
  readonly operation: Operation;
  readonly subject: string;
}

/**
 * The connection to NATS as the parts of the bus see it: it may be lost at any time and comes back; what is sent meanwhile is
 * dropped, not kept (NATS delivers at most once anyhow).
 */
export class NatsLink {
  readonly counters: NatsCounters = {
    reconnections: 0,
    unsent: 0,
    unreadable: 0,
    denied: 0,
    snapshots: 0,
    lostDeliveries: 0,
  };
  readonly #connection: NatsConnection;
  readonly #attempts: { count: number };
  readonly #timers: Timers;
  readonly #log: Logger;
  readonly #listeners = new Set<() => void>();
  readonly #complained = new Map<string, number>();
  readonly #denials: Denials;
  /** What was denied of a probe that is under way. */
  #probed: Denied[] | undefined;
  #isConnected = true;
  #lostMs = 0;
  #closing = false;
  #sentBytes = 0;
  #askedBytes = 0;
  #confirmedBytes = 0;

  constructor({ connection, attempts }: Connected, timers: Timers, log: Logger) {
    this.#connection = connection;
    this.#attempts = attempts;
    this.#timers = timers;
    this.#log = log;
    this.#denials = new Denials({
      timers,
      log,
      publish: (subject) => connection.publish(subject),
      judged: () => this.#judged(),
    });
    void this.#follow(connection.status());
    void connection.closed().then((error) => {
      this.#isConnected = false;
      if (!this.#closing) this.#log.error({ err: error }, 'the connection to NATS was given up: restart this process');
    });
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** What the server's permissions do not allow now, such as `publish to tollcast.gates.e1`; undefined if nothing. */
  get denied(): string | undefined {
    return this.#denials.first;
  }

  /** What was sent and the server has not confirmed yet. */
  get unconfirmedBytes(): number {
    return this.#sentBytes - this.#confirmedBytes;
  }

  /** Where it is connected to, as a URL. */
  get server(): string {
    return this.#url(this.#connection.getServer());
  }

  /**
   * Finds out what the server denies, by trying it: what is published is empty, which every role ignores.
   * @throws Error if the connection is lost meanwhile, or does not answer
   */
  async probe(subjects: {
    readonly publish: readonly string[];
    readonly subscribe: readonly string[];
  }): Promise<readonly Denied[]> {
    const denied: Denied[] = [];
    this.#probed = denied;
    const late = Promise.withResolvers<never>();
    const cancel = this.#timers.after(PROBE_WITHIN_MS, () => late.reject(new Error('no answer in time')));
    const subscriptions = subjects.subscribe.map((subject) => this.#connection.subscribe(subject, { callback: () => undefined }));
    for (const subject of subjects.publish) this.#connection.publish(subject);
    try {
      await Promise.race([this.#judged(), late.promise]);
      return denied;
    } finally {
      cancel();
      this.#probed = undefined;
      for (const subscription of subscriptions) subscription.unsubscribe();
    }
  }

  /** What a message may hold, in bytes. */
  get maxMessageBytes(): number {
    return this.#connection.info?.max_payload ?? 1_048_576;
  }

  /** Messages may have been missed. */
  onReconnected(listener: () => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param reply where an answer is to be sent @returns whether it is on its way */
  send(subject: string, payload: Uint8Array, reply?: string): boolean {
    const fits = payload.length <= this.maxMessageBytes;
    if (!this.#isConnected || this.#closing || !fits || this.unconfirmedBytes + payload.length > MAX_UNCONFIRMED_BYTES) {
      this.counters.unsent++;
      if (!fits)
        this.#complain(`${payload.length} bytes for ${subject} are more than NATS takes: raise max_payload in nats.conf`);
      return false;
    }
    this.#connection.publish(subject, payload, reply === undefined ? undefined : { reply });
    this.#sentBytes += payload.length;
    if (this.#sentBytes - this.#askedBytes >= CONFIRM_EVERY_BYTES) this.#confirm();
    return true;
  }

  /** A listener that throws ends nothing: the client would stop reading, without a word. */
  subscribe(subject: string, listener: (message: Msg) => void): Unsubscribe {
    const receive = (message: Msg) => {
      // By an empty message, a role finds out whether it may publish there.
      if (message.data.length === 0 && !message.reply && message.headers === undefined) return;
      this.safely(`a message for ${message.subject}`, () => listener(message));
    };
    const begin = () =>
      this.#connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) receive(message);
          else this.#denials.add('subscription', subject, again);
        },
      });
    const again = () => {
      if (!this.#closing) subscription = begin();
    };
    let subscription = begin();
    return () => {
      this.#denials.remove(subject, again);
      subscription.unsubscribe();
    };
  }

  /** Sends what is on its way, as far as the server takes it in time. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#denials.close();
    if (this.#isConnected) {
      const inTime = Promise.withResolvers<void>();
      const cancel = this.#timers.after(CLOSE_WITHIN_MS, inTime.resolve);
      await Promise.race([this.#connection.drain().catch(() => undefined), inTime.promise]);
      cancel();
    }
    if (!this.#connection.isClosed()) await this.#connection.close();
  }

  /** @returns whether it ran to its end; if not, that is counted, and logged now and then */
  safely(what: string, run: () => void): boolean {
    try {
      run();
      return true;
    } catch (error) {
      this.counters.unreadable++;
      this.#complain(`${what} was of no use: ${messageOf(error).slice(0, 200)}`);
      return false;
    }
  }

  /** @param server `host:port`. What offers TLS is spoken to by TLS. */
  #url(server: string): string {
    const { tls_available, tls_required } = this.#connection.info ?? {};
    return `${tls_available || tls_required ? 'tls' : 'nats'}://${server}`;
  }

  async #judged(): Promise<void> {
    if (!this.#isConnected) throw new Error('the connection is lost');
    await this.#connection.flush();
    // What was denied comes before the answer, and by way of `#follow` is heard of a little later.
    await setImmediate();
  }

  #confirm(): void {
    const upToBytes = this.#sentBytes;
    this.#askedBytes = upToBytes;
    this.#connection.flush().then(
      () => {
        this.#confirmedBytes = Math.max(this.#confirmedBytes, upToBytes);
      },
      // The connection is lost, and what was on its way with it.
      () => undefined,
    );
  }

  async #follow(statuses: AsyncIterable<Status>): Promise<void> {
    for await (const status of statuses) {
      switch (status.type) {
        case 'disconnect':
          this.#disconnected(status.server);
          break;
        case 'reconnecting':
          this.#attempts.count++;
          break;
        case 'reconnect':
          this.#reconnected(status.server);
          break;
        case 'error':
          this.#fault(status.error);
          break;
        default:
      }
    }
  }

  /** Told of each attempt that the server refused, too. */
  #disconnected(server: string): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#lostMs = performance.now();
    if (!this.#closing)
      this.#log.warn(
        { server: this.#url(server) },
        'the connection to NATS is lost; it is tried again by itself: see whether nats-server runs and is reached',
      );
  }

  /** Told once for each of those as well. */
  #reconnected(server: string): void {
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.#attempts.count = 0;
    this.#confirmedBytes = this.#askedBytes = this.#sentBytes;
    this.counters.reconnections++;
    const awayMs = Math.round(performance.now() - this.#lostMs);
    this.#log.info({ server: this.#url(server), awayMs }, 'connected to NATS again');
    for (const listener of [...this.#listeners]) this.safely('a reconnection', listener);
  }

  #fault(error: Error): void {
    if (error instanceof PermissionViolationError) {
      const { operation, subject } = error;
      if (this.#probed !== undefined) {
        this.#probed.push({ operation, subject });
        return;
      }
      this.counters.denied++;
      this.#denials.add(operation, subject);
    } else if (error instanceof AuthorizationError) {
      this.#complain('NATS refuses the credential of this role: it was revoked, or the server has an older nats.conf');
    } else {
      this.#complain(`NATS: ${error.message}`);
    }
  }

  #complain(text: string): void {
    const nowMs = performance.now();
    for (const [known, atMs] of this.#complained) if (nowMs - atMs > COMPLAIN_EVERY_MS) this.#complained.delete(known);
    if (this.#complained.has(text) || this.#complained.size >= 100) return;
    this.#complained.set(text, nowMs);
    this.#log.error(text);
  }
}
