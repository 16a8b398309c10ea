import type { Random } from '../sim/random.ts';

/** Something that takes input from outside. */
export interface FuzzTarget {
  /** As on the command line, such as `rtmp`. */
  readonly name: string;
  /** One line for `--help`. */
  readonly description: string;
  /** Makes what the inputs are put to, real as far as it can be at a million inputs. */
  open(): Promise<FuzzSession>;
}

export interface FuzzSession {
  /** Puts one input, made of what `random` gives, and looks at what came of it. @throws Error where something is broken */
  input(random: Random): Promise<void> | void;
  /** Counts of what became of the inputs, such as `{ accepted: 12, 'invalid-message': 988 }`: shows that they reach deep enough. */
  readonly outcomes: ReadonlyMap<string, number>;
  close(): Promise<void>;
}
