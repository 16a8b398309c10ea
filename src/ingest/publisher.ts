import { createReadStream } from 'node:fs';
import { type Clock, systemClock, systemTimers, type Timers } from '../clock.ts';
import { messageOf, TollcastError } from '../errors.ts';
import type { FlvTag } from '../media/flv.ts';
import { readFlv } from '../media/flv-reader.ts';
import { msAfter } from '../media/timestamps.ts';
import { RtmpClient } from './rtmp-client.ts';
import { Timeline, trackOf } from './timeline.ts';

export interface PublishFileOptions {
  /** Begin again at the file's end, on one continuous timeline, until `signal`. */
  readonly loop?: boolean;
  /** Ends the broadcast as its end would. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PublishProgress) => void;
  /** For rtmps: the certificates to trust, PEM, in place of the system's. */
  readonly ca?: string | Buffer;
  readonly clock?: Pick<Clock, 'nowMs'>;
  readonly timers?: Timers;
}

export interface PublishProgress {
  /** Of the file's time, loops included. */
  readonly sentMs: number;
  readonly sentBytes: number;
}

/**
 * Pushes an FLV file to `rtmp://HOST/live/PROGRAM?key=STREAMKEY` (or `rtmps:`) in real time, as an encoder would. Resolves at its
 * end, or when `signal` is aborted.
 *
 * @throws TollcastError `file-unreadable`, `not-flv`, `flv-damaged`, `flv-empty`, and those of `RtmpClient`
 */
export async function publishFile(file: string, url: string, options: PublishFileOptions = {}): Promise<void> {
  const { loop = false, signal, ca } = options;
  const tags = clip(file, loop);
  try {
    // Before anybody is bothered with a file that cannot be sent.
    const first = await tags.next();
    if (first.done || signal?.aborted) return;
    const client = await RtmpClient.publish(url, { ...(ca && { ca }), ...(signal && { signal }) });
    try {
      await send(client, first.value, tags, options);
    } finally {
      await client.close();
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    await tags.return();
  }
}

type Tags = AsyncGenerator<FlvTag, void, undefined>;

async function send(client: RtmpClient, first: FlvTag, rest: Tags, options: PublishFileOptions): Promise<void> {
  const { signal, onProgress, clock = systemClock(), timers = systemTimers } = options;
  const stop = signal ? AbortSignal.any([signal, client.failed]) : client.failed;
  const pace = new Pace(clock);
  pace.aheadMs(first);
  let batch = [first];
  let sentBytes = 0;
  const flush = async () => {
    sentBytes += batch.reduce((sum, tag) => sum + tag.data.length, 0);
    await client.send(batch, stop);
    batch = [];
    onProgress?.({ sentMs: pace.sentMs, sentBytes });
  };
  for await (const tag of rest) {
    const aheadMs = pace.aheadMs(tag);
    if (aheadMs > 0 || batch.length >= MAX_BATCH_TAGS) await flush();
    if (aheadMs > 0) await pause(aheadMs, timers, stop);
    client.failed.throwIfAborted();
    if (signal?.aborted) return;
    batch.push(tag);
  }
  await flush();
}

/** What is overdue, after a wait for the network, goes out together, but not all of it. */
const MAX_BATCH_TAGS = 64;

const MAX_DISORDER_MS = 1_000;

/** How far tags are ahead of the time at which they are due. */
class Pace {
  readonly #clock: Pick<Clock, 'nowMs'>;
  #startedMs: number | undefined;
  /** The latest time of a tag. */
  #latestMs = 0;
  /** How far the file's time has come. */
  sentMs = 0;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** Metadata and configurations are due with the frame that follows. What is earlier than a tag before it is due at once. */
  aheadMs(tag: FlvTag): number {
    if (trackOf(tag) === undefined) return 0;
    const { timestampMs } = tag;
    if (this.#startedMs === undefined) {
      this.#startedMs = this.#clock.nowMs();
      this.#latestMs = timestampMs;
    }
    const advanceMs = msAfter(timestampMs, this.#latestMs);
    this.sentMs += Math.max(0, advanceMs);
    // Sound and picture are a little out of order; much earlier is another recording, joined to the one before.
    if (advanceMs > 0 || advanceMs < -MAX_DISORDER_MS) this.#latestMs = timestampMs;
    return this.#startedMs + this.sentMs - this.#clock.nowMs();
  }
}

/** The tags of a file, once or for ever, on one timeline. */
async function* clip(file: string, loop: boolean): Tags {
  const timeline = new Timeline();
  do {
    let frames = 0;
    for await (const tag of readFlv(bytesOf(file))) {
      if (trackOf(tag) !== undefined) frames++;
      yield timeline.place(tag);
    }
    if (frames === 0) throw new TollcastError('flv-empty', `${file} has no picture and no sound`);
    timeline.reconnect();
  } while (loop);
}

async function* bytesOf(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file);
  } catch (error) {
    throw new TollcastError('file-unreadable', `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** Resolves after a time, or on abort. */
function pause(delayMs: number, timers: Timers, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = timers.after(delayMs, done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
