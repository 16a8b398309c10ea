import { open } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TollcastError } from '../errors.ts';
import type { ViewerClient } from '../viewer/viewer-client.ts';
import { note, readerLeft } from './output.ts';
import { systemText } from './text.ts';

/** Where the picture goes. */
export interface Sink {
  readonly isStdout: boolean;
  /** Writes all that the viewing brings; stops it when that is no longer possible. Resolves to the error, if it was one. */
  write(client: ViewerClient): Promise<TollcastError | undefined>;
}

/** @throws TollcastError `out-unwritable` */
export async function openSink(out: string): Promise<Sink> {
  if (out === '-') return sink(process.stdout, 'stdout', true);
  try {
    return sink((await open(out, 'w')).createWriteStream(), out, false);
  } catch (error) {
    throw unwritable(out, error);
  }
}

const sink = (target: Writable, name: string, isStdout: boolean): Sink => ({
  isStdout,
  async write(client) {
    const bytes = client.bytes();
    try {
      await pipeline(bytes, target);
      if (bytes.leftOutBytes > 0) note(`${name} was too slow: ${bytes.leftOutBytes} bytes of the broadcast were left out`);
      return undefined;
    } catch (error) {
      client.stop();
      // Whoever reads a pipe ends the viewing by leaving, as by closing a player's window.
      return isStdout && readerLeft(error) ? undefined : unwritable(name, error);
    }
  },
});

const unwritable = (name: string, error: unknown): TollcastError =>
  new TollcastError('out-unwritable', `cannot write ${name}: ${systemText(error)}`, { cause: error });
