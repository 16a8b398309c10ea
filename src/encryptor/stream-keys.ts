import type { Clock, Timers } from '../clock.ts';
import { MessageBudget } from '../control/message-budget.ts';
import { streamKeyHash } from '../keys/stream-key.ts';
import { type AuthorityMessage, type EncryptorMessage, MAX_PROGRAMS } from '../protocol/encryptor-messages.ts';
import type { StreamKeyRefusal } from './key-source.ts';

/** How long a broadcaster waits for the authority's answer. */
const ANSWER_WITHIN_MS = 3_000;
/** Whoever guesses stream keys must not use up what the authority allows for keys and reports. */
const ASKED_PER_SECOND = 10;
const ASKED_AT_ONCE = 100;

type Verified = Extract<AuthorityMessage, { type: 'verified' }>;
type Verify = Extract<EncryptorMessage, { type: 'verify' }>;

const UNREACHABLE: StreamKeyRefusal = {
  code: 'authority-unreachable',
  message: 'stream keys cannot be verified now: try again in a few seconds',
};

export interface StreamKeysPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly isConnected: () => boolean;
  /** Why the authority does not let this encryptor in, if it does not: then no stream key is good for anything. */
  readonly refusal: () => StreamKeyRefusal | undefined;
  send(message: Verify): void;
}

/**
 * Whether stream keys open programs, as the authority says. Of each program the SHA-256 of the key that it accepted last is kept in
 * memory, so that its broadcaster may come back while the authority is away.
 */
export class StreamKeys {
  readonly #ports: StreamKeysPorts;
  readonly #budget: MessageBudget;
  readonly #accepted = new Map<string, string>();
  readonly #timelineZeroMs = new Map<string, number>();
  /** Questions without an answer; each is told of one, or of the lack of one. */
  readonly #asked = new Map<number, (verified: Verified | undefined) => void>();
  /** Questions that wait for a connection. */
  readonly #waiting = new Set<() => void>();
  #lastId = 0;
  #programs: readonly string[] | undefined;

  constructor(ports: StreamKeysPorts) {
    this.#ports = ports;
    this.#budget = new MessageBudget(ASKED_PER_SECOND, ASKED_AT_ONCE, ports.clock);
  }

  /** Who waits for an answer, or for a connection. */
  get unanswered(): number {
    return this.#asked.size + this.#waiting.size;
  }

  async verify(program: string, streamKey: string): Promise<StreamKeyRefusal | undefined> {
    if (this.#programs?.includes(program) === false)
      return { code: 'program-not-allowed', message: `this encryptor is not allowed to broadcast ${program}` };
    const hash = streamKeyHash(streamKey);
    const known = this.#accepted.get(program) === hash;
    const verified = this.#ports.refusal() === undefined ? await this.#ask(program, hash, known) : undefined;
    // It may have come in place of an answer.
    const refusal = this.#ports.refusal();
    if (refusal !== undefined) return refusal;
    if (verified === undefined) return known ? undefined : UNREACHABLE;
    if (verified.refusal === undefined) this.#accept(program, hash, verified.timelineMs);
    else if (known) this.#accepted.delete(program);
    return verified.refusal;
  }

  /** See KeySource. */
  timelineStartMs(program: string): number {
    const zeroMs = this.#timelineZeroMs.get(program);
    return zeroMs === undefined ? 0 : Math.max(0, this.#ports.clock.nowMs() - zeroMs);
  }

  connected(programs: readonly string[]): void {
    this.#programs = programs;
    for (const proceed of this.#waiting) proceed();
  }

  answered(verified: Verified): void {
    this.#asked.get(verified.id)?.(verified);
  }

  /** Nobody need wait for a connection. */
  refused(): void {
    for (const proceed of this.#waiting) proceed();
  }

  /** What was asked will not be answered. */
  lost(): void {
    for (const answer of this.#asked.values()) answer(undefined);
  }

  /** Undefined where nobody answers in time. A key that is known need not wait for a connection. */
  async #ask(program: string, hash: string, known: boolean): Promise<Verified | undefined> {
    if (!this.#budget.take()) return undefined;
    if (!this.#ports.isConnected() && !known) await this.#connection();
    if (!this.#ports.isConnected()) return undefined;
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Verified | undefined>();
    const cancel = this.#ports.timers.after(ANSWER_WITHIN_MS, () => resolve(undefined));
    this.#asked.set(id, resolve);
    this.#ports.send({ type: 'verify', id, program, streamKeyHash: hash });
    const verified = await promise;
    cancel();
    this.#asked.delete(id);
    return verified;
  }

  /** Resolves once there is one, or when it took too long. */
  async #connection(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#ports.timers.after(ANSWER_WITHIN_MS, resolve);
    this.#waiting.add(resolve);
    await promise;
    cancel();
    this.#waiting.delete(resolve);
  }

  #accept(program: string, hash: string, timelineMs: number): void {
    if (!this.#accepted.has(program) && this.#accepted.size >= MAX_PROGRAMS) this.#accepted.clear();
    this.#accepted.set(program, hash);
    if (timelineMs === 0) this.#timelineZeroMs.delete(program);
    else this.#timelineZeroMs.set(program, this.#ports.clock.nowMs() - timelineMs);
  }
}
