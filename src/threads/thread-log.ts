import type { Level, Logger } from 'pino';

const LEVELS: readonly Level[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/**
 * Writes a line of a thread's log into that of the process.
 * @param line as the thread's pino wrote it
 */
export function writeThreadLine(log: Logger, thread: number, line: string): void {
  const { level, time: _, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const label: Level = LEVELS.find((each) => log.levels.values[each] === level) ?? 'error';
  log[label]({ ...fields, thread }, String(msg ?? ''));
}
