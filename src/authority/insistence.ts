import type { Logger } from 'pino';
import type { Timers } from '../clock.ts';
import { TollcastError } from '../errors.ts';
import type { Entered, Entry } from '../ledger/entry.ts';

const RECORD_AGAIN_MS = 1_000;

export interface InsistencePorts {
  readonly timers: Timers;
  readonly log: Logger;
  /** See Ledger. */
  record(entry: Entry): Promise<Entered>;
}

export interface Insistence {
  /** What could not be done, for the log. */
  readonly what: string;
  /** Whether nobody needs it any more. */
  isPointless?(): boolean;
  /** It was not taken, and will come later or never. */
  refused?(): void;
}

/**
 * Records what bills cannot do without. While the disk refuses, the ledger waits by itself; overfull, it is asked again.
 * @returns undefined where the entry will never be in the ledger
 */
export async function insistOn(
  entry: Entry,
  { timers, log, record }: InsistencePorts,
  { what, isPointless = () => false, refused = () => undefined }: Insistence,
): Promise<Entered | undefined> {
  for (;;) {
    try {
      return await record(entry);
    } catch (error) {
      refused();
      const code = error instanceof TollcastError ? error.code : undefined;
      if (code === 'ledger-closed' || isPointless()) return undefined;
      const goesOn = code === 'ledger-full';
      log.error({ err: error, ...entry }, goesOn ? `${what}; trying again` : `${what}, and never will`);
      if (!goesOn) return undefined;
    }
    await new Promise<void>((resolve) => timers.after(RECORD_AGAIN_MS, resolve));
    if (isPointless()) return undefined;
  }
}
