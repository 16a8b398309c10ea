export type State = 'ok' | 'warning' | 'problem';

/** What one check found. */
export interface Finding {
  /** What was looked at, such as `ledger`. */
  readonly check: string;
  readonly state: State;
  /** What was found, in one line. */
  readonly found: string;
  /** What to do about it; of a warning or a problem. */
  readonly remedy?: string;
}

/** What a check found of one matter. */
export type Found = Omit<Finding, 'check'>;

export const ok = (found: string): Found => ({ state: 'ok', found });
export const warning = (found: string, remedy: string): Found => ({ state: 'warning', found, remedy });
export const problem = (found: string, remedy: string): Found => ({ state: 'problem', found, remedy });

/** What gives the findings of one check. What it throws is a problem as well, so that no check keeps the others from being made. */
export type Check = readonly [check: string, look: () => readonly Found[] | Promise<readonly Found[]>];
