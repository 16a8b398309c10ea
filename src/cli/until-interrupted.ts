import type { Logger } from 'pino';
import type { Running } from '../roles/host.ts';
import { ExitCode } from './exit-code.ts';
import { ALL_SIGNALS, onInterruption } from './interruption.ts';
import { note } from './output.ts';

/** The longest way out. */
const EXIT_WITHIN_MS = 4_500;
const LINGER_MS = 250;

/**
 * Resolves at the first signal to end from now on, also while what is to run is still starting. SIGHUP ends what runs on a terminal,
 * for it says that this was closed; to what runs without one it says that certificates are to be read again (config/certificates.ts).
 */
export const interruption = (): Promise<void> =>
  new Promise((resolve) => {
    const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
    onInterruption(resolve, { signals: onTerminal ? ALL_SIGNALS : ['SIGINT', 'SIGTERM'] });
    if (!onTerminal) process.on('SIGHUP', () => undefined);
  });

/** Lets a deployment run until `ended`, then closes it in time, and with it the process. */
export async function untilInterrupted(ended: Promise<void>, log: Logger, deployment: Running): Promise<void> {
  process.on('uncaughtExceptionMonitor', (error) => log.fatal({ err: error }, 'a defect ends this process'));
  await ended;
  const late = setTimeout(() => {
    note(`tollcast: not everything could be closed within ${EXIT_WITHIN_MS} ms`);
    process.exit(ExitCode.failed);
  }, EXIT_WITHIN_MS);
  await deployment.close();
  clearTimeout(late);
  // Whatever still holds the process has nothing more to do.
  setTimeout(() => process.exit(), LINGER_MS).unref();
}
