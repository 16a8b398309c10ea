import { Tally } from '../tally.ts';

/** Viewers that are remembered at once; the oldest goes first. */
const MAX_REMEMBERED = 100_000;

/** Key periods that a viewer must have paid for since its last catch-up. */
const PERIODS_PAID = 10;

/**
 * Who may have the free catch-up (the chunks since the last keyframe) of a program. The first one is a present, and so is one after
 * the picture was gone through no fault of the viewer's. For each further one it must have paid for ten key periods since. Fewer
 * would be worth waiting for: who answers each key just before a keyframe, or watches anew just then, would have a part of every
 * period as a present.
 */
export class CatchUps {
  readonly #dueMs: number;
  /** Billable time since the last catch-up, by program and viewer. */
  readonly #paidMs = new Map<string, number>();

  /** For metrics. */
  readonly answers = new Tally<'given' | 'withheld'>();

  constructor(periodMs: number) {
    this.#dueMs = PERIODS_PAID * periodMs;
  }

  /** Whether this viewer may have one now; counts it if so. */
  take(program: string, viewer: string): boolean {
    const isGiven = this.#take(program, viewer);
    this.answers.add(isGiven ? 'given' : 'withheld');
    return isGiven;
  }

  #take(program: string, viewer: string): boolean {
    const name = nameOf(program, viewer);
    if ((this.#paidMs.get(name) ?? this.#dueMs) < this.#dueMs) return false;
    this.#paidMs.delete(name);
    this.#paidMs.set(name, 0);
    const [oldest] = this.#paidMs.keys();
    if (this.#paidMs.size > MAX_REMEMBERED && oldest !== undefined) this.#paidMs.delete(oldest);
    return true;
  }

  paid(program: string, viewer: string, billableMs: number): void {
    const name = nameOf(program, viewer);
    const paidMs = this.#paidMs.get(name);
    if (paidMs !== undefined) this.#paidMs.set(name, paidMs + billableMs);
  }

  /** The picture of this viewer was interrupted, and not by it. */
  interrupted(program: string, viewer: string): void {
    this.#paidMs.delete(nameOf(program, viewer));
  }
}

const nameOf = (program: string, viewer: string): string => `${program}\n${viewer}`;
