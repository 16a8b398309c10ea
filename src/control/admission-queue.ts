import type { Clock, Timers } from '../clock.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  type Comer,
  expectedMs,
  firstPace,
  mayBegin,
  PACE,
  type Pace,
  type PaceEvent,
  type PaceRules,
  stepPace,
} from './admission-pace.ts';
import { BoundedLine, type NoPlace } from './bounded-line.ts';
import { type Told, WaitingRounds } from './waiting-rounds.ts';

/** An admission is work of this process and waits for nothing else. One that takes longer was lost, and must not hold its turn for ever. */
const UNDER_WAY_MS = 5_000;
/** Who found no place comes back after so long. */
const LEAST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

export interface AdmissionQueuePorts {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Newcomers that may wait; and as many who resume. */
  readonly maxWaiting: number;
  /** Entries of the ledger that are not durable. */
  ledgerWaiting(): number;
  /** Told how long each newcomer waited for its turn. */
  waited?(ms: number): void;
  readonly rules?: PaceRules;
  /** In [0, 1): those who are refused do not all come back at once. */
  readonly random?: () => number;
}

/** Who asks for a turn. */
export interface Comes {
  readonly comer: Comer;
  /** A newcomer's token as it is written, which nobody has verified; or the viewing that is resumed. */
  readonly name: string;
  /** What is kept of it while it waits. */
  readonly bytes: number;
  /** Told now and then while it waits: how many are before it, and for how long by present experience. */
  waiting(ahead: number, expectedMs: number): void;
}

/** A place in the queue, and then the turn. */
export interface Place {
  /** Resolves when it is its turn. @throws Refusal `unavailable` when the queue is closed before that */
  readonly turn: Promise<void>;
  readonly isWaiting: boolean;
  /** Gives up the place, or ends the turn. `refused`: nothing came of it. Once is enough. */
  leave(refused: boolean): void;
}

interface Waiter extends Comes, Told {
  readonly sinceMs: number;
  readonly turn: PromiseWithResolvers<void>;
  state: 'waiting' | 'begun' | 'over';
}

/**
 * Lets in who wants to watch, first come, first served, as fast as the process can without those who watch already noticing
 * (admission-pace.ts). The others wait before anything that costs much is done for them. Who resumes goes before everybody who is new.
 */
export class AdmissionQueue {
  readonly #ports: AdmissionQueuePorts;
  readonly #rules: PaceRules;
  readonly #lines: Readonly<Record<Comer, BoundedLine<Waiter>>>;
  readonly #rounds: WaitingRounds;
  /** Whose turn it is, and since when: the longest first. */
  readonly #underWay = new Map<Waiter, number>();
  #pace: Pace;
  #cancelTick: () => void = () => undefined;
  #isClosed = false;
  #refused = 0;

  constructor(ports: AdmissionQueuePorts) {
    this.#ports = ports;
    this.#rules = ports.rules ?? PACE;
    this.#lines = { established: new BoundedLine(ports.maxWaiting), newcomer: new BoundedLine(ports.maxWaiting) };
    this.#rounds = new WaitingRounds([this.#lines.established, this.#lines.newcomer], this.#rules.everyMs);
    this.#pace = firstPace(ports.clock.nowMs(), this.#rules);
    this.#scheduleTick();
  }

  /** Newcomers that wait. */
  get waiting(): number {
    return this.#lines.newcomer.size;
  }

  /** Newcomers that are let in a second, if there are so many. */
  get perSecond(): number {
    return this.#pace.perSecond;
  }

  /** Those for whom there was no place, since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** @throws Refusal `try-later` where there is no place, `unavailable` once it is closed */
  enter(comes: Comes): Place {
    if (this.#isClosed) throw closing();
    const nowMs = this.#ports.clock.nowMs();
    const waiter: Waiter = { ...comes, sinceMs: nowMs, turn: Promise.withResolvers(), toldMs: nowMs, state: 'waiting' };
    const line = this.#lines[comes.comer];
    if (line.size === 0 && this.#mayBegin(comes.comer)) this.#begin(waiter);
    else this.#join(waiter);
    return {
      turn: waiter.turn.promise,
      get isWaiting() {
        return waiter.state === 'waiting';
      },
      leave: (refused) => this.#leave(waiter, refused),
    };
  }

  /** Nobody gets a turn any more. */
  close(): void {
    this.#isClosed = true;
    this.#cancelTick();
    for (const waiter of [...this.#lines.established, ...this.#lines.newcomer]) {
      this.#leave(waiter, true);
      waiter.turn.reject(closing());
    }
  }

  #join(waiter: Waiter): void {
    const { comer } = waiter;
    const lacks = this.#lines[comer].lacks(waiter);
    if (lacks !== undefined) throw this.#noPlace(lacks);
    const ahead = this.#lines[comer].join(waiter) + (comer === 'newcomer' ? this.#lines.established.size : 0);
    this.#rounds.joined(waiter, ahead, expectedMs(this.#pace, ahead));
  }

  #leave(waiter: Waiter, refused: boolean): void {
    const { state, comer } = waiter;
    if (state === 'over') return;
    waiter.state = 'over';
    if (state === 'waiting') {
      this.#lines[comer].leave(waiter);
      return;
    }
    this.#underWay.delete(waiter);
    this.#step({ type: 'over', comer, refused });
    this.#letIn();
  }

  #letIn(): void {
    for (const comer of ['established', 'newcomer'] as const)
      while (this.#mayBegin(comer)) {
        const waiter = this.#lines[comer].shift();
        if (waiter === undefined) break;
        this.#begin(waiter);
      }
  }

  #begin(waiter: Waiter): void {
    const nowMs = this.#ports.clock.nowMs();
    const { comer } = waiter;
    waiter.state = 'begun';
    this.#underWay.set(waiter, nowMs);
    this.#step({ type: 'began', comer });
    if (comer === 'newcomer') this.#ports.waited?.(nowMs - waiter.sinceMs);
    waiter.turn.resolve();
  }

  #mayBegin(comer: Comer): boolean {
    return !this.#isClosed && mayBegin(this.#pace, comer, this.#ports.clock.nowMs(), this.#rules);
  }

  #step(event: PaceEvent): void {
    this.#pace = stepPace(this.#pace, event, this.#ports.clock.nowMs(), this.#rules);
  }

  #scheduleTick(): void {
    const { clock, timers } = this.#ports;
    const { everyMs } = this.#rules;
    const dueMs = clock.nowMs() + everyMs;
    this.#cancelTick = timers.after(everyMs, () => {
      this.#tick(Math.max(0, clock.nowMs() - dueMs));
      this.#scheduleTick();
    });
  }

  #tick(lateMs: number): void {
    this.#step({ type: 'measured', lateMs, ledgerWaiting: this.#ports.ledgerWaiting(), waiting: this.waiting });
    const nowMs = this.#ports.clock.nowMs();
    for (const [waiter, sinceMs] of this.#underWay) {
      if (nowMs - sinceMs < UNDER_WAY_MS) break;
      this.#leave(waiter, false);
    }
    this.#letIn();
    this.#rounds.tell(nowMs, (ahead) => expectedMs(this.#pace, ahead));
  }

  #noPlace(lacks: NoPlace): Refusal {
    const { random = Math.random } = this.#ports;
    if (lacks === 'name') return laterIn('this access waits in as many places as it may', this.#emptyMs(this.waiting));
    this.#refused++;
    const why = lacks === 'places' ? 'every place to wait is taken' : 'there is no memory left to keep what they sent';
    return laterIn(`very many want to watch at once, and ${why}`, this.#emptyMs(this.waiting) * (1 + random() / 2));
  }

  /** When a line of so many may be empty, within reason. */
  #emptyMs(waiting: number): number {
    return Math.min(LONGEST_RETRY_MS, Math.max(LEAST_RETRY_MS, expectedMs(this.#pace, waiting)));
  }
}

const laterIn = (why: string, retryInMs: number): Refusal =>
  new Refusal('try-later', `${why}; try again in ${Math.ceil(retryInMs / 1_000)} s`, Math.ceil(retryInMs));

const closing = (): Refusal => new Refusal('unavailable', 'the server is shutting down; try again soon');
