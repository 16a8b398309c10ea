import type { Bus } from '../bus/bus.ts';
import type { SealedChunk } from '../media/chunk.ts';

/** While what came before is fetched; beyond it the oldest go, and are noticed as missing. */
const MAX_WAITING_CHUNKS = 4_096;
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** Who follows a program. */
export interface ProgramFollower {
  /** The next chunk, in order, with none missing since the last `mended`. */
  chunk(chunk: SealedChunk): void;
  /** Chunks are missing; what follows waits for `mended`. */
  broken(): void;
  /** What joiners need now, from which the feed goes on; empty where it is not to be had. */
  mended(chunks: readonly SealedChunk[]): void;
}

/**
 * A program's chunks as an edge follows them: put in order, and where some are missing, from the start on, the encryptor is asked
 * for all since the last keyframe. Chunks of an epoch that is over come from an encryptor that was fenced off: they are dropped.
 */
export class ProgramFeed {
  readonly #program: string;
  readonly #bus: Bus;
  readonly #follower: ProgramFollower;
  readonly #unsubscribe: () => void;
  #epoch = 0;
  #counter = -1;
  /** Chunks that wait while those before them are fetched; undefined while none is missing. */
  #waiting: SealedChunk[] | undefined;
  #waitingBytes = 0;
  /** The highest epoch that somebody here has confirmed; undefined while nobody has one. */
  #confirmed: number | undefined;
  #closed = false;
  /** How often chunks were missing, since the start. */
  mends = 0;

  constructor(program: string, bus: Bus, follower: ProgramFollower) {
    this.#program = program;
    this.#bus = bus;
    this.#follower = follower;
    this.#unsubscribe = bus.chunks.subscribe(program, { chunk: (chunk) => this.#receive(chunk), lost: () => void this.#mend() });
    void this.#mend();
  }

  /** Chunks that wait while those before them are fetched. */
  get waiting(): number {
    return this.#waiting?.length ?? 0;
  }

  /** Somebody here has confirmed an epoch: what claimed to be far beyond it was no chunk of this program. */
  confirmed(epoch: number): void {
    this.#confirmed = Math.max(epoch, this.#confirmed ?? epoch);
    if (this.#epoch <= this.#confirmed + 1) return;
    [this.#epoch, this.#counter] = [0, -1];
    void this.#mend();
  }

  /** Nobody is here any more. */
  left(): void {
    this.#confirmed = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
  }

  #receive(chunk: SealedChunk): void {
    if (this.#waiting !== undefined) {
      this.#wait(this.#waiting, chunk);
      return;
    }
    if (this.#isPast(chunk) || this.#isBeyond(chunk)) return;
    const expected = chunk.epoch === this.#epoch ? this.#counter + 1 : 0;
    if (chunk.counter === expected) this.#pass(chunk);
    else void this.#mend(chunk);
  }

  async #mend(next?: SealedChunk): Promise<void> {
    if (this.#waiting !== undefined) return;
    this.mends++;
    this.#waiting = next === undefined ? [] : [next];
    this.#follower.broken();
    const chunks = await this.#bus.chunks.catchUp(this.#program).catch(() => []);
    if (this.#closed) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    const last = chunks.at(-1);
    const isNews = last !== undefined && last.epoch >= this.#epoch && !this.#isBeyond(last);
    if (isNews && !this.#isPast(last)) [this.#epoch, this.#counter] = [last.epoch, last.counter];
    this.#follower.mended(isNews ? chunks : []);
    const [first, ...others] = waiting.filter((chunk) => !this.#isPast(chunk) && !this.#isBeyond(chunk));
    // What is missing now is not to be had: the next keyframe mends it.
    if (first !== undefined) this.#pass(first);
    for (const chunk of others) this.#receive(chunk);
  }

  #wait(waiting: SealedChunk[], chunk: SealedChunk): void {
    waiting.push(chunk);
    this.#waitingBytes += chunk.bytes.length;
    while (waiting.length > MAX_WAITING_CHUNKS || this.#waitingBytes > MAX_WAITING_BYTES)
      this.#waitingBytes -= waiting.shift()?.bytes.length ?? Number.POSITIVE_INFINITY;
  }

  /** Whoever may publish may claim any epoch; the authority's gates say how far they truly are. */
  #isBeyond({ epoch }: SealedChunk): boolean {
    return this.#confirmed !== undefined && epoch > this.#confirmed + 1;
  }

  #isPast({ epoch, counter }: SealedChunk): boolean {
    return epoch < this.#epoch || (epoch === this.#epoch && counter <= this.#counter);
  }

  #pass(chunk: SealedChunk): void {
    this.#epoch = chunk.epoch;
    this.#counter = chunk.counter;
    this.#follower.chunk(chunk);
  }
}
