import type { Logger } from 'pino';
import { type Clock, systemTimers, type Timers } from '../clock.ts';
import { Broadcast, type BroadcastEndReason } from './broadcast.ts';
import { type PublishDecision, type PublishRequest, type Refusal, SHUTTING_DOWN } from './publication.ts';

export interface BroadcastsOptions {
  /** How long a broadcaster may be away before its broadcast ends. */
  readonly graceMs: number;
  /** Of each broadcast, what waits for its reader. */
  readonly maxQueuedBytes?: number;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timers?: Timers;
  readonly log: Logger;
  /** Why this stream key does not allow broadcasting this program; undefined if it does. */
  verify(program: string, streamKey: string): Promise<Refusal | undefined> | Refusal | undefined;
  /** Where the timeline of a broadcast that begins now starts; undefined, or none given: where its first encoder begins. */
  timelineStartMs?(program: string): number | undefined;
  /** A broadcast has begun. Called before anything is sent; attaches itself to its tags and events. If it throws, the publisher is refused. */
  onBroadcast(broadcast: Broadcast): void;
}

/** A second or so of a high bit rate: more is no help to a reader that cannot keep up. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;

/** The broadcasts that are under way, one at most for each program, and who may join them as their broadcaster. */
export class Broadcasts {
  readonly #options: BroadcastsOptions;
  readonly #broadcasts = new Map<string, Broadcast>();
  #isClosed = false;

  constructor(options: BroadcastsOptions) {
    this.#options = options;
  }

  /** Decides on a publisher: begins a broadcast, continues the one whose broadcaster is away, or refuses. */
  async publish({ program, streamKey }: PublishRequest): Promise<PublishDecision> {
    const refusal = await this.#options.verify(program, streamKey);
    if (this.#isClosed) return { accepted: false, ...SHUTTING_DOWN };
    if (refusal) return { accepted: false, ...refusal };
    const underWay = this.#broadcasts.get(program);
    if (underWay?.isPublished) {
      const message = `${program} is being published already: stop the other encoder first; if it was just cut off, try again in a few seconds`;
      return { accepted: false, code: 'already-publishing', message };
    }
    return { accepted: true, sink: (underWay ?? this.#begin(program)).publish() };
  }

  /** The broadcast of a program, if one is under way. */
  of(program: string): Broadcast | undefined {
    return this.#broadcasts.get(program);
  }

  /** How many there are, and how many of them have no broadcaster now. */
  get counts(): { readonly all: number; readonly away: number } {
    const all = [...this.#broadcasts.values()];
    return { all: all.length, away: all.filter(({ isPublished }) => !isPublished).length };
  }

  /** What waits to be encrypted. */
  get queuedBytes(): number {
    return [...this.#broadcasts.values()].reduce((sum, { queuedBytes }) => sum + queuedBytes, 0);
  }

  /** Ends the broadcast of a program, if one is under way, and cuts its broadcaster off. */
  end(program: string, reason: BroadcastEndReason): void {
    this.#broadcasts.get(program)?.end(reason);
  }

  /** Ends every broadcast and lets none begin. */
  close(): void {
    this.#isClosed = true;
    for (const program of [...this.#broadcasts.keys()]) this.end(program, 'shutdown');
  }

  #begin(program: string): Broadcast {
    const { graceMs, maxQueuedBytes = MAX_QUEUED_BYTES, clock, timers = systemTimers, log } = this.#options;
    const timelineStartMs = this.#options.timelineStartMs?.(program);
    const broadcast = new Broadcast(program, { graceMs, maxQueuedBytes, timelineStartMs, clock, timers });
    const about = { program, broadcast: broadcast.id };
    this.#options.onBroadcast(broadcast);
    this.#broadcasts.set(program, broadcast);
    log.info(about, 'broadcast began');
    broadcast.on('away', () => log.info(about, `broadcaster is away; the broadcast goes on if it is back within ${graceMs} ms`));
    broadcast.on('back', () => log.info(about, 'broadcaster is back'));
    broadcast.on('ended', (reason) => {
      this.#broadcasts.delete(program);
      log.info({ ...about, reason }, 'broadcast ended');
    });
    return broadcast;
  }
}
