import type { Logger } from 'pino';
import { Metrics } from '../api/metrics.ts';
import { systemTimers, type Timers } from '../clock.ts';
import { type ProcessClock, processClock } from '../process-clock.ts';

/** What every role in a process shares, and what undoes them all. */
export interface Host {
  readonly clock: ProcessClock;
  readonly timers: Timers;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Puts on what undoes a part; parts are undone in the opposite order. */
  onClose(undo: () => Promise<void> | void): void;
  /** Puts on why this process is not ready; undefined while it is. */
  onReadiness(notReady: () => string | undefined): void;
  /** Why it is not ready to serve; undefined if it is. */
  notReady(): string | undefined;
}

/** A deployment under way. */
export interface Running {
  close(): Promise<void>;
}

/**
 * Runs a composition of roles: what it started before it failed is undone, and `close` undoes it all. A part that fails to be
 * undone keeps no other from it: `close` throws the first error once all is done.
 * @param clock of a thread that is not the main one: that of the main one
 * @throws whatever the composition throws
 */
export async function running<T extends object>(
  log: Logger,
  compose: (host: Host) => Promise<T>,
  clock: ProcessClock = processClock(),
): Promise<T & Running> {
  const undos: (() => Promise<void> | void)[] = [];
  const checks: (() => string | undefined)[] = [];
  let closing = false;
  const close = async () => {
    closing = true;
    const errors: unknown[] = [];
    for (const undo of undos.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        errors.push(error);
      }
    }
    const [first, ...others] = errors;
    for (const error of others) log.error({ err: error }, 'another part could not be closed either');
    if (errors.length > 0) throw first;
  };
  const host: Host = {
    clock,
    timers: systemTimers,
    log,
    metrics: new Metrics(),
    onClose: (undo) => void undos.push(undo),
    onReadiness: (notReady) => void checks.push(notReady),
    notReady: () => (closing ? 'shutting down' : checks.map((notReady) => notReady()).find((reason) => reason !== undefined)),
  };
  try {
    return { ...(await compose(host)), close };
  } catch (error) {
    await close().catch((closing) => log.error({ err: closing }, 'what had been started could not all be undone'));
    throw error;
  }
}
