import { createWriteStream, realpathSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { TollcastError } from '../errors.ts';
import { systemText } from './text.ts';

/**
 * Has `fill` write a file that appears whole or not at all: under another name beside it, synced, then renamed. What stands there
 * and is no regular file (a pipe, /dev/null) is written as it is. `signal` gives up.
 *
 * @param fill writes all, and ends the stream
 * @throws TollcastError `out-unwritable`
 */
export async function writeWhole(file: string, signal: AbortSignal, fill: (target: Writable) => Promise<void>): Promise<void> {
  try {
    const there = statSync(file, { throwIfNoEntry: false });
    if (there?.isDirectory()) throw new TollcastError('out-unwritable', `cannot write ${file}: it is a folder`);
    if (there === undefined) await replace(file, signal, fill);
    // A link stays a link: what it points to is replaced.
    else if (there.isFile()) await replace(realpathSync(file), signal, fill);
    else await fill(createWriteStream(file, { signal }));
  } catch (error) {
    if (signal.aborted || error instanceof TollcastError) throw error;
    throw new TollcastError('out-unwritable', `cannot write ${file}: ${systemText(error)}`, { cause: error });
  }
}

async function replace(target: string, signal: AbortSignal, fill: (target: Writable) => Promise<void>): Promise<void> {
  const partial = join(dirname(target), `.${basename(target)}.${process.pid}.partial`);
  try {
    await fill(createWriteStream(partial, { flags: 'wx', flush: true, signal }));
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
