import type { Clock, Timers } from '../clock.ts';
import type { SealedChunk } from '../media/chunk.ts';
import type { BatchPace } from './batch-pace.ts';

export interface BatchPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly pace: BatchPace;
}

/** Holds a program's chunks back until its next pass over the viewers may begin. */
export class ChunkBatch {
  readonly #program: string;
  readonly #ports: BatchPorts;
  readonly #pass: (chunks: readonly SealedChunk[]) => void;
  #chunks: SealedChunk[] = [];
  #cancel: (() => void) | undefined;
  /** When the latest pass began. */
  #passedMs = Number.NEGATIVE_INFINITY;

  /** @param pass sends chunks of one epoch to everybody */
  constructor(program: string, ports: BatchPorts, pass: (chunks: readonly SealedChunk[]) => void) {
    this.#program = program;
    this.#ports = ports;
    this.#pass = pass;
  }

  add(chunk: SealedChunk): void {
    const { clock, timers, pace } = this.#ports;
    this.#chunks.push(chunk);
    if (this.#cancel !== undefined) return;
    const waitMs = this.#passedMs + pace.intervalMs - clock.nowMs();
    if (waitMs <= 0) this.flush();
    else this.#cancel = timers.after(waitMs, () => this.flush());
  }

  /** Sends what waits, now. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    this.#chunks = [];
    const { clock, pace } = this.#ports;
    this.#passedMs = clock.nowMs();
    pace.time(this.#program, () => {
      for (const ofOneEpoch of byEpoch(chunks)) this.#pass(ofOneEpoch);
    });
  }

  /** Sends what waits, and nothing after that. */
  close(): void {
    this.flush();
    this.#ports.pace.forget(this.#program);
  }
}

function* byEpoch(chunks: readonly SealedChunk[]): Iterable<readonly SealedChunk[]> {
  let from = 0;
  for (let at = 1; at <= chunks.length; at++) {
    if (at < chunks.length && chunks[at]?.epoch === chunks[from]?.epoch) continue;
    if (at > from) yield chunks.slice(from, at);
    from = at;
  }
}
