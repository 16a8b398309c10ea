import { FAULTS } from './faults.ts';
import { Violation } from './oracle.ts';
import { simulate } from './world.ts';

/** What the simulator makes of a rule that is broken on purpose. */
export interface Found {
  readonly fault: string;
  /** The first that fails. */
  readonly seed: number;
  /** What is broken there; empty where no seed failed. */
  readonly as: string;
  /** The same seed once more. */
  readonly again: string;
}

export async function failureOf(seed: number, forMs: number, fault: string): Promise<string> {
  try {
    await simulate({ seed, forMs, fault: FAULTS[fault] });
    return '';
  } catch (error) {
    if (error instanceof Violation) return error.message.split('\n')[0] ?? '';
    throw error;
  }
}

/** From the first seed on, until one fails. */
export async function search(fault: string, seeds: number, forMs: number): Promise<Found> {
  for (let seed = 1; seed <= seeds; seed++) {
    const as = await failureOf(seed, forMs, fault);
    if (as !== '') return { fault, seed, as, again: await failureOf(seed, forMs, fault) };
  }
  return { fault, seed: seeds, as: '', again: '' };
}
