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
import { WaitingLine } from './waiting-line.ts';

/** A waiter is told where it stands no more often than this; with more than `TOLD_PER_SECOND` of them, less often. */
const ROUND_MS = 1_000;
/** Telling one costs some 15 µs, so that all of it takes 3 % of a processor. */
const TOLD_PER_SECOND = 2_000;
/** But as often as this, however many there are: clients wait 10 s for an answer. */
const LONGEST_ROUND_MS = 5_000;
/** Who is expected to wait less is not told at once. */
const UNTOLD_MS = 500;
/** An admission is work of this process and waits for nothing else. One that takes longer was lost, and must not hold its turn for ever. */
const UNDER_WAY_MS = 5_000;
/** With one token, or for one viewing: more would only keep others out. A page that was opened again may not have left its place yet. */
const MOST_BY_ONE_NAME = 4;
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

interface Waiter extends Comes {
  readonly sinceMs: number;
  readonly turn: PromiseWithResolvers<void>;
  /** When it was told last, or is taken to have been. */
  toldMs: number;
  state: 'waiting' | 'begun' | 'over';
}

/**
 * Lets in who wants to watch, first come, first served, as fast as the process can without those who watch already noticing
 * (admission-pace.ts). The others wait before anything that costs much is done for them. Who resumes goes before everybody who is new.
 */
export class AdmissionQueue {
  readonly #ports: AdmissionQueuePorts;
  readonly #rules: PaceRules;
  readonly #lines = { established: new WaitingLine<Waiter>(), newcomer: new WaitingLine<Waiter>() };
  /** How often each name waits. */
  readonly #names = new Map<string, number>();
  /** Whose turn it is, and since when: the longest first. */
  readonly #underWay = new Map<Waiter, number>();
  #pace: Pace;
  #roundMs = 0;
  #cancelTick: () => void = () => undefined;
  #isClosed = false;
  #refused = 0;

  constructor(ports: AdmissionQueuePorts) {
    this.#ports = ports;
    this.#rules = ports.rules ?? PACE;
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
    const { comer, name } = waiter;
    const line = this.#lines[comer];
    const namesakes = this.#names.get(name) ?? 0;
    if (line.size >= this.#ports.maxWaiting) throw this.#full();
    if (namesakes >= MOST_BY_ONE_NAME) throw this.#tooMany(namesakes);
    this.#names.set(name, namesakes + 1);
    const ahead = line.join(waiter) + this.#aheadOfAll(comer);
    const forMs = expectedMs(this.#pace, ahead);
    if (forMs >= UNTOLD_MS) waiter.waiting(ahead, forMs);
    // Told by the next round, if it is wrong that it is not worth the words.
    else waiter.toldMs -= ROUND_MS - UNTOLD_MS;
  }

  #leave(waiter: Waiter, refused: boolean): void {
    const { state, comer } = waiter;
    if (state === 'over') return;
    waiter.state = 'over';
    if (state === 'waiting') {
      this.#lines[comer].leave(waiter);
      this.#forgetName(waiter);
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
        this.#forgetName(waiter);
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

  #forgetName({ name }: Waiter): void {
    const left = (this.#names.get(name) ?? 0) - 1;
    if (left > 0) this.#names.set(name, left);
    else this.#names.delete(name);
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
    this.#tell(nowMs);
  }

  /** The next of those who wait are told where they stand: of many a part with each tick, so that it takes no long time at once. */
  #tell(nowMs: number): void {
    const { established, newcomer } = this.#lines;
    const isNewRound = nowMs - this.#roundMs >= ROUND_MS;
    if (isNewRound) this.#roundMs = nowMs;
    for (const [comer, line] of [
      ['established', established],
      ['newcomer', newcomer],
    ] as const) {
      if (isNewRound && line.isRoundOver) line.beginRound();
      const before = this.#aheadOfAll(comer);
      for (const [waiter, inLine] of line.next(toldInATick(line.size, this.#rules))) {
        if (nowMs - waiter.toldMs < ROUND_MS) continue;
        waiter.toldMs = nowMs;
        waiter.waiting(before + inLine, expectedMs(this.#pace, before + inLine));
      }
    }
  }

  /** Who is before the first of a line. */
  #aheadOfAll(comer: Comer): number {
    return comer === 'newcomer' ? this.#lines.established.size : 0;
  }

  #full(): Refusal {
    const { random = Math.random } = this.#ports;
    const emptyMs = expectedMs(this.#pace, this.#ports.maxWaiting);
    const retryInMs = Math.ceil(Math.min(LONGEST_RETRY_MS, Math.max(LEAST_RETRY_MS, emptyMs)) * (1 + random() / 2));
    this.#refused++;
    return laterIn('very many want to watch at once, and every place to wait is taken', retryInMs);
  }

  #tooMany(namesakes: number): Refusal {
    const retryInMs = Math.min(LONGEST_RETRY_MS, Math.max(LEAST_RETRY_MS, expectedMs(this.#pace, this.waiting)));
    return laterIn(`this access waits in ${namesakes} places already`, retryInMs);
  }
}

const toldInATick = (waiting: number, { everyMs }: PaceRules): number => {
  const ofAll = (roundMs: number) => Math.ceil((waiting * everyMs) / roundMs);
  return Math.min(ofAll(ROUND_MS), Math.max((TOLD_PER_SECOND * everyMs) / 1_000, ofAll(LONGEST_ROUND_MS)));
};

const laterIn = (why: string, retryInMs: number): Refusal =>
  new Refusal('try-later', `${why}; try again in ${Math.ceil(retryInMs / 1_000)} s`, retryInMs);

const closing = (): Refusal => new Refusal('unavailable', 'the server is shutting down; try again soon');
