import type { Bus } from '../bus/bus.ts';
import type { Clock } from '../clock.ts';
import { ProgramFeed } from '../edge/program-feed.ts';
import type { SealedChunk } from '../media/chunk.ts';
import { KeyframeCache } from '../media/keyframe-cache.ts';
import type { MediaThread } from './messages.ts';
import { shared } from './shared-chunk.ts';

/**
 * One program's chunks for all threads that follow it: put in order once, copied into shared memory once. What joiners need is kept
 * here, so that a thread that begins with the program goes on from there with none missing, whatever it costs to ask for it.
 */
export class SharedProgram {
  readonly #program: string;
  readonly #feed: ProgramFeed;
  readonly #kept: KeyframeCache<SealedChunk>;
  readonly #followers = new Set<MediaThread>();
  /** Threads that have asked what joiners need while that was being fetched; undefined while it is here. */
  #asking: MediaThread[] | undefined = [];

  constructor(program: string, bus: Bus, clock: Clock) {
    this.#program = program;
    this.#kept = new KeyframeCache(clock);
    this.#feed = new ProgramFeed(program, bus, {
      chunk: (chunk) => this.#chunk(shared(chunk)),
      broken: () => {
        this.#asking ??= [];
      },
      mended: (chunks) => this.#mended(chunks),
    });
  }

  get followers(): number {
    return this.#followers.size;
  }

  /** How often chunks were missing, since the start. */
  get mends(): number {
    return this.#feed.mends;
  }

  /** Chunks that wait for missing ones before them. */
  get waiting(): number {
    return this.#feed.waiting;
  }

  /** See ProgramFeed. */
  confirmed(epoch: number): void {
    this.#feed.confirmed(epoch);
  }

  /** See ProgramFeed. */
  left(): void {
    this.#feed.left();
  }

  follow(thread: MediaThread): void {
    this.#followers.add(thread);
  }

  /** A thread takes answers in the order of its questions: one that is left open would have it take the next answer for that. */
  unfollow(thread: MediaThread): void {
    this.#followers.delete(thread);
    for (const asking of this.#asking ?? []) if (asking === thread) this.#say(thread, []);
    this.#asking = this.#asking?.filter((asking) => asking !== thread);
  }

  /** What joiners need, and from then on each chunk in order. */
  catchUp(thread: MediaThread): void {
    if (this.#asking === undefined) this.#answer(thread);
    else this.#asking.push(thread);
  }

  close(): void {
    this.#feed.close();
  }

  #chunk(chunk: SealedChunk): void {
    this.#kept.add(chunk);
    for (const thread of this.#followers) thread.post({ type: 'chunk', program: this.#program, chunk });
  }

  #mended(chunks: readonly SealedChunk[]): void {
    if (chunks.length === 0) this.#kept.dropGroup();
    else this.#kept.clear();
    for (const chunk of chunks) this.#kept.add(shared(chunk));
    const asking = new Set(this.#asking);
    for (const thread of this.#asking ?? []) this.#answer(thread);
    this.#asking = undefined;
    for (const thread of this.#followers) if (!asking.has(thread)) thread.post({ type: 'lost', program: this.#program });
  }

  #answer(thread: MediaThread): void {
    this.#say(thread, [...this.#kept]);
  }

  #say(thread: MediaThread, chunks: readonly SealedChunk[]): void {
    thread.post({ type: 'caught-up', program: this.#program, chunks });
  }
}
