import type { GateChange } from '../bus/bus.ts';
import type { MediaThread } from './messages.ts';

type Open = Extract<GateChange, { kind: 'open' }>;

/** `closed`: the authority waits for what was sent last; `ended`: nobody does. */
export type Ending = 'closed' | 'ended';

/** Who comes with a ticket that is good, and is to have the viewing. */
interface Claimant {
  readonly thread: MediaThread;
  readonly ticketHash: string;
  answer(granted: boolean): void;
}

/** A thread lets a socket in as soon as it is told that it may. */
const GRANT_EXPIRES_MS = 10_000;
/** As many as a viewing has at an edge (edge/delivery.ts). */
const GATES_KEPT = 3;

/**
 * One viewing, and the one thread at a time that has it: before the next one is granted it, the one before has said that it let go,
 * and by then has reported all that it served.
 */
export class RoutedViewing {
  readonly program: string;
  readonly viewing: string;
  readonly #gone: (routed: RoutedViewing) => void;
  /** What is open. `catchUp`: granted, and no thread has been told so yet. */
  #opens: readonly Open[] = [];
  /** Who has it, or has still to say that it let go of it. */
  #thread: MediaThread | undefined;
  /** That thread was told to let go. */
  #isLeaving = false;
  /** Who is to have it once that thread has let go. */
  #claimant: Claimant | undefined;
  /**
   * Why it is to be forgotten once no thread has it, and not before: a thread that said only then that it let go would be believed of
   * another time that it had it.
   */
  #ending: Ending | undefined;
  #lastChunkMs: number | undefined;

  /** @param gone told once it has ended and no thread has it */
  constructor(program: string, viewing: string, gone: (routed: RoutedViewing) => void) {
    this.program = program;
    this.viewing = viewing;
    this.#gone = gone;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  get lastChunkMs(): number | undefined {
    return this.#lastChunkMs;
  }

  /** Whether a thread has it, and was not told to let go. */
  isWith(thread: MediaThread): boolean {
    return this.#thread === thread && !this.#isLeaving;
  }

  /** All that whoever has it should have open. */
  get opens(): readonly GateChange[] {
    return this.#opens;
  }

  /** There is a new ticket for it: whoever has it, or waits for it, has it no more. */
  ticketed(): void {
    this.#ending = undefined;
    this.#refuseClaimant();
    this.#demand();
  }

  open(change: Open): void {
    this.#ending = undefined;
    const others = this.#opens.filter(({ epoch }) => epoch !== change.epoch);
    const granted = this.#opens.some(({ epoch, catchUp }) => epoch === change.epoch && catchUp);
    this.#opens = [...others, { ...change, catchUp: change.catchUp || granted }].slice(-GATES_KEPT);
    if (this.#thread === undefined || this.#isLeaving) return;
    this.#thread.post({ type: 'gate', change });
    this.#given();
  }

  /** Of what is open, only these epochs are still so. */
  keep(epochs: ReadonlySet<number>): void {
    this.#opens = this.#opens.filter(({ epoch }) => epochs.has(epoch));
  }

  /** @returns whether it is that thread's now */
  claim(thread: MediaThread, ticketHash: string): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#refuseClaimant();
    this.#claimant = { thread, ticketHash, answer: resolve };
    if (this.#thread === undefined) this.#grant(this.#claimant);
    return promise;
  }

  /** Nobody may have it any more. What it is told after that begins it anew: whoever waited for its end has gone on. */
  end(ending: Ending): void {
    this.#opens = [];
    this.#ending = ending;
    this.#refuseClaimant();
    if (this.#thread === undefined) this.#gone(this);
    else this.#demand();
  }

  /** A chunk was sent to it. */
  sent(atMs: number | undefined): void {
    if (atMs !== undefined) this.#lastChunkMs = Math.max(atMs, this.#lastChunkMs ?? atMs);
  }

  /** A thread says that it let go of it. */
  letGo(thread: MediaThread, lastChunkMs: number | undefined): void {
    if (this.#thread !== thread || !this.#isLeaving) return;
    this.sent(lastChunkMs);
    this.#free();
  }

  /** A thread has died. */
  lost(thread: MediaThread): void {
    if (this.#claimant?.thread === thread) this.#refuseClaimant();
    if (this.#thread === thread) this.#free();
  }

  /** Has the thread that has it let go of it. */
  #demand(): void {
    if (this.#thread === undefined || this.#isLeaving) return;
    this.#isLeaving = true;
    const { program, viewing } = this;
    this.#thread.post({ type: 'gate', change: { kind: 'close', program, viewing } });
  }

  /** No thread has it. */
  #free(): void {
    this.#thread = undefined;
    this.#isLeaving = false;
    if (this.#ending !== undefined) this.#gone(this);
    else if (this.#claimant !== undefined) this.#grant(this.#claimant);
  }

  #grant({ thread, ticketHash, answer }: Claimant): void {
    this.#claimant = undefined;
    this.#thread = thread;
    const { program, viewing, lastChunkMs } = this;
    const ticket = { kind: 'ticket', program, viewing, ticketHash, expiresInMs: GRANT_EXPIRES_MS } as const;
    thread.post({ type: 'gate', change: lastChunkMs === undefined ? ticket : { ...ticket, lastChunkMs } });
    for (const change of this.#opens) thread.post({ type: 'gate', change });
    this.#given();
    answer(true);
  }

  /** A catch-up is granted once, whichever thread is told of it: one that this does not use is forgotten with what else it had. */
  #given(): void {
    this.#opens = this.#opens.map((open) => (open.catchUp ? { ...open, catchUp: false } : open));
  }

  #refuseClaimant(): void {
    this.#claimant?.answer(false);
    this.#claimant = undefined;
  }
}
