import { Writable } from 'node:stream';
import pino, { type Logger } from 'pino';
import type { Received } from './received.ts';

export type LogLine = { readonly level: number; readonly msg: string; readonly [member: string]: unknown };

/** A log whose lines are received as they are written. */
export const logTo = (lines: Received<LogLine>): Logger =>
  pino(
    new Writable({
      write(line, _, done) {
        lines.add(JSON.parse(line.toString()));
        done();
      },
    }),
  );
