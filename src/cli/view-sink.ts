import { open } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { TollcastError } from '../errors.ts';
import { FLV_HEADER_BYTES } from '../viewer/flv-tags.ts';
import type { ViewerClient } from '../viewer/viewer-client.ts';
import { note, readerLeft } from './output.ts';
import { systemText } from './text.ts';

/** Where the picture goes: one FLV stream, of one viewing after another. */
export interface Sink {
  readonly isStdout: boolean;
  /** Writes all that a viewing brings; stops it when that is no longer possible. Resolves to the error, if it was one. */
  write(client: ViewerClient): Promise<TollcastError | undefined>;
  /** Nothing more comes. Resolves to the error, if what was written last could not be kept. */
  close(): Promise<TollcastError | undefined>;
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

function sink(target: Writable, name: string, isStdout: boolean): Sink {
  // Between two writes nobody else listens; whoever writes or closes next is told.
  target.on('error', () => undefined);
  let preamble: Uint8Array | undefined;
  // What a viewing begins with: the FLV header, metadata and decoder configurations.
  const joined = async function* (bytes: AsyncIterable<Uint8Array>) {
    let isFirst = true;
    for await (const piece of bytes) {
      if (!isFirst || preamble === undefined) yield piece;
      else if (Buffer.compare(piece, preamble) !== 0) yield piece.subarray(FLV_HEADER_BYTES);
      if (isFirst) preamble = piece;
      isFirst = false;
    }
  };
  return {
    isStdout,
    async write(client) {
      const bytes = client.bytes();
      try {
        await pipeline(joined(bytes), target, { end: false });
        if (bytes.leftOutBytes > 0) note(`${name} was too slow: ${bytes.leftOutBytes} bytes of the broadcast were left out`);
        return undefined;
      } catch (error) {
        client.stop();
        // Whoever reads a pipe ends the viewing by leaving, as by closing a player's window.
        return isStdout && readerLeft(error) ? undefined : unwritable(name, error);
      }
    },
    async close() {
      if (isStdout) return undefined;
      target.end();
      return finished(target).then(
        () => undefined,
        (error) => unwritable(name, error),
      );
    },
  };
}

const unwritable = (name: string, error: unknown): TollcastError =>
  new TollcastError('out-unwritable', `cannot write ${name}: ${systemText(error)}`, { cause: error });
