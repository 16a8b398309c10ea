/**
 * The share of the time that passes over the viewers may take before chunks are held back. A pass costs 7 to 8 µs a viewer, however
 * much it writes: at 1,000 viewers this comes to 100 ms, at 100 to 10 ms, which no frame of 25 a second has to wait for.
 */
const PASS_SHARE = 0.08;
/**
 * How much the latest pass counts in the running mean of their cost, if it was dearer and if it was cheaper. One that the scheduler or the
 * garbage collector interrupted looks dear, none looks cheaper than it is.
 */
const WEIGHT = { dearer: 0.05, cheaper: 0.5 };
/** Below this a timer would cost more than it saves. */
const MIN_INTERVAL_MS = 1;

/**
 * How far apart an edge's passes over the viewers of a program are: the less they cost, the closer (DESIGN.md, section 4, "Fan-out").
 * One for all programs of an edge, for a hundred programs with ten viewers cost what one with a thousand does.
 */
export class BatchPace {
  readonly #maxMs: number;
  readonly #nowMs: () => number;
  /** Of a pass, milliseconds. */
  readonly #costs = new Map<string, number>();
  #totalMs = 0;

  /**
   * @param maxMs the longest interval
   * @param nowMs in fractions of a millisecond: clocks that tell whole ones cannot time a pass
   */
  constructor(maxMs: number, nowMs: () => number = () => performance.now()) {
    this.#maxMs = maxMs;
    this.#nowMs = nowMs;
  }

  /** From one pass of a program to its next, at least. 0: none waits. */
  get intervalMs(): number {
    const intervalMs = Math.min(this.#maxMs, this.#totalMs / PASS_SHARE);
    return intervalMs < MIN_INTERVAL_MS ? 0 : intervalMs;
  }

  /** Carries out a pass over a program's viewers, and sees what it costs. */
  time(program: string, pass: () => void): void {
    const fromMs = this.#nowMs();
    pass();
    this.#took(program, this.#nowMs() - fromMs);
  }

  /** There are no more passes of a program. */
  forget(program: string): void {
    this.#set(program, 0, this.#costs.get(program) ?? 0);
    this.#costs.delete(program);
  }

  #took(program: string, passMs: number): void {
    const before = this.#costs.get(program) ?? 0;
    const weight = passMs > before ? WEIGHT.dearer : WEIGHT.cheaper;
    this.#set(program, before + weight * (passMs - before), before);
  }

  #set(program: string, costMs: number, beforeMs: number): void {
    this.#costs.set(program, costMs);
    // Sums of fractions drift: none is kept where nothing is.
    this.#totalMs = Math.max(0, this.#totalMs + costMs - beforeMs);
  }
}
