import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { styleText } from 'node:util';
import { systemCode } from '../errors.ts';

/** stdout is for what was asked for, so that it can be piped; everything about it goes to stderr. */
export const print = (line: string): void => void process.stdout.write(`${line}\n`);

export const note = (line: string): void => void process.stderr.write(`${line}\n`);

export const printJson = (value: unknown): void => print(JSON.stringify(value));

/** Bold on a terminal that has colours, plain anywhere else (NO_COLOR and FORCE_COLOR decide, as everywhere). */
export const strong = (text: string): string => styleText('bold', text, { stream: process.stdout });

export const faint = (text: string): string => styleText('dim', text, { stream: process.stdout });

/** Writes as fast as the reader takes it, and is content if that leaves early (`| head`). */
export const printAll = (pieces: Iterable<string>): Promise<void> =>
  whileReaderStays(pipeline(Readable.from(pieces, { objectMode: false }), process.stdout));

export async function whileReaderStays(writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (!readerLeft(error)) throw error;
  }
}

export const readerLeft = (error: unknown): boolean => systemCode(error) === 'EPIPE';
