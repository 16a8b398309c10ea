import { destination, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import type { LogConfig } from '../config/sections.ts';

/** Log lines that may wait for a stderr that nobody reads; what comes after them is lost. */
const MAX_WAITING_CHARS = 8 << 20;

/**
 * All of our secrets are 256 bits in base64url; tokens are JWTs. The log is given none, but people put them where something else
 * belongs, such as a stream key for a program's name, which is then said to be unknown.
 */
const SECRET = /(?<=^|[^\w-]|\\[nrt])(?:eyJ[\w-]*\.[\w-]+\.[\w-]*|[\w-]{43})(?![\w-])/g;

/** Of lines as they are written: JSON, in which a line break is an escaped letter. */
const hooks = { streamWrite: (line: string): string => line.replaceAll(SECRET, '[redacted]') };

/** The relay's log, on stderr: for people on a terminal, a JSON object a line anywhere else. */
export function relayLog({ level }: LogConfig): Logger {
  // Not synchronous: a slow terminal must not hold up the picture. What waits is written out at exit.
  const stderr = destination({ dest: 2, sync: false, maxLength: MAX_WAITING_CHARS });
  if (!process.stderr.isTTY) return pino({ level, base: null, hooks }, stderr);
  const lines = pretty({
    destination: stderr,
    colorize: process.stderr.hasColors(),
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
  return pino({ level, base: null, hooks }, lines);
}
