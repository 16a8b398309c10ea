import { type Memory, memoryNow } from './memory.ts';
import { ProcessFaults } from './process-faults.ts';
import { randomOf } from './random.ts';
import type { FuzzSession, FuzzTarget } from './target.ts';
import { Watchdog } from './watchdog.ts';

export interface FuzzRun {
  readonly target: FuzzTarget;
  readonly seed: number;
  /** The number of the first input. */
  readonly from: number;
  readonly inputs: number;
  /** An input that has no end by then has none, and the process ends. */
  readonly hangMs: number;
  /** Stops after the input under way. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number) => void;
}

export interface FuzzResult {
  readonly target: string;
  readonly seed: number;
  readonly from: number;
  /** How many were put: fewer than asked for if one failed, or it was stopped. */
  readonly inputs: number;
  readonly seconds: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Before the first input, after a tenth of them, and after the last. */
  readonly memory: readonly Memory[];
  readonly failure?: FuzzFailure;
}

export interface FuzzFailure {
  /** Undefined if it came when all inputs had been put. */
  readonly index: number | undefined;
  readonly message: string;
  /** What to type to see it again. */
  readonly again: string;
}

/** An input that keeps the processor for longer holds everybody up. */
const MAX_CPU_MS = 1_000;
/** Puts inputs to a target, one after another, up to the first that breaks something. */
export async function fuzz(run: FuzzRun): Promise<FuzzResult> {
  const { target, seed, from, inputs, hangMs } = run;
  const faults = new ProcessFaults();
  const watchdog = new Watchdog(hangMs, `npm run fuzz -- ${target.name} --seed ${seed} --inputs 1 --from `);
  const session = await target.open();
  const memory = [memoryNow()];
  const startedMs = performance.now();
  let index = from;
  let failure: FuzzFailure | undefined;
  try {
    for (; index < from + inputs && !run.signal?.aborted; index++) {
      watchdog.watch(index);
      await put(session, seed, index);
      faults.check();
      run.onProgress?.(index + 1 - from);
      if (index + 1 - from === Math.ceil(inputs / 10)) memory.push(memoryNow());
    }
  } catch (error) {
    const again = `npm run fuzz -- ${target.name} --seed ${seed} --from ${index} --inputs 1`;
    failure = { index, message: textOf(error), again };
  }
  watchdog.idle();
  const seconds = (performance.now() - startedMs) / 1_000;
  memory.push(memoryNow());
  try {
    await session.close();
    await nextTurn();
    faults.check();
  } catch (error) {
    const again = `npm run fuzz -- ${target.name} --seed ${seed} --from ${from} --inputs ${inputs}`;
    failure ??= { index: undefined, message: textOf(error), again };
  }
  await watchdog.close();
  faults.close();
  const outcomes = Object.fromEntries(session.outcomes);
  return { target: target.name, seed, from, inputs: index - from, seconds, outcomes, memory, ...(failure && { failure }) };
}

async function put(session: FuzzSession, seed: number, index: number): Promise<void> {
  const before = process.threadCpuUsage();
  await session.input(randomOf(seed, index));
  const { user, system } = process.threadCpuUsage(before);
  const cpuMs = (user + system) / 1_000;
  if (cpuMs > MAX_CPU_MS) throw new Error(`it took ${cpuMs.toFixed(0)} ms of the processor`);
  // A promise that nobody waits for is found to be rejected at the end of a turn.
  await nextTurn();
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
