import { readFileSync } from 'node:fs';
import { messageOf, TollcastError } from './errors.ts';

/** A file that a configuration names. @param what for the error: "a file … cannot be read" @throws TollcastError `config-invalid` */
export function readConfigured(file: string, what: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new TollcastError('config-invalid', `a file ${what} cannot be read: ${messageOf(error)}`);
  }
}
