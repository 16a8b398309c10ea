import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import type { Clock, Timers } from '../clock.ts';
import type { FlvTags } from '../media/flv.ts';
import { type PublicationSink, type Refusal, SHUTTING_DOWN } from './publication.ts';
import { TagQueue } from './tag-queue.ts';
import { Timeline } from './timeline.ts';

/**
 * Why a broadcast ended: its broadcaster stopped and did not come back in time, the operator removed the program or stopped the
 * relay, another encryptor has the program now, this one's credential was revoked, or what reads its tags failed.
 */
export type BroadcastEndReason = 'broadcast-ended' | 'program-removed' | 'shutdown' | 'fenced' | 'revoked' | 'failed';

export interface BroadcastOptions {
  /** How long the broadcaster may be away before the broadcast ends. */
  readonly graceMs: number;
  /** Tags that wait for whoever reads `tags`; beyond it the broadcaster's socket is not read. */
  readonly maxQueuedBytes: number;
  /** Where its timeline begins; by default, where its first encoder begins. */
  readonly timelineStartMs?: number | undefined;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timers: Timers;
}

/** What a broadcaster is told whose broadcast is ended. */
const CUT_OFF: Readonly<Record<BroadcastEndReason, Refusal>> = {
  'broadcast-ended': { code: 'broadcast-ended', message: 'the broadcast was ended' },
  'program-removed': { code: 'program-unknown', message: 'the program was removed' },
  shutdown: SHUTTING_DOWN,
  fenced: { code: 'already-publishing', message: 'the program is published to another encryptor now' },
  revoked: { code: 'credential-revoked', message: "the facility's credential was revoked: it cannot broadcast any more" },
  failed: { code: 'internal', message: 'the broadcast failed in the relay: publish again' },
};

interface BroadcastEvents {
  /** The broadcaster's connection is gone. Comes before anything of its return; what it sent before may still be queued. */
  away: [];
  /** The broadcaster is sending again. Comes before the first tags of its return. */
  back: [];
  /** Nothing follows. `tags` ends, after what is queued. */
  ended: [reason: BroadcastEndReason];
}

/** A broadcaster's connection: what cuts it off and what lets it send on. */
interface Publication {
  onDrain: (() => void) | undefined;
  onKick: ((why: Refusal) => void) | undefined;
}

/**
 * One live run of a program, from publish to unpublish. It survives the loss of its broadcaster's connection, and a stop of the
 * encoder, for a grace time: until then a broadcaster who publishes the program again continues it, on one continuous timeline.
 */
export class Broadcast extends EventEmitter<BroadcastEvents> {
  readonly id: string = randomUUID();
  readonly program: string;
  readonly #options: BroadcastOptions;
  readonly #queue: TagQueue;
  readonly #timeline: Timeline;
  #publication: Publication | undefined;
  /** Until when a broadcaster who is away may send again; undefined while it is sending, or has yet to begin. */
  #awayUntilMs: number | undefined;
  #cancelGrace: () => void = () => undefined;
  #ended = false;

  constructor(program: string, options: BroadcastOptions) {
    super();
    this.program = program;
    this.#options = options;
    this.#timeline = new Timeline(options.timelineStartMs);
    this.#queue = new TagQueue(options.maxQueuedBytes);
    this.#queue.onRoom(() => this.#publication?.onDrain?.());
    // Destroyed by its reader: there is nobody left to broadcast to.
    this.#queue.on('close', () => this.end('failed'));
  }

  /** What the broadcaster sends: an object-mode stream of `FlvTags`. To be read, or destroyed, by one reader. */
  get tags(): Readable {
    return this.#queue;
  }

  /** Of its tags, what waits for the reader. */
  get queuedBytes(): number {
    return this.#queue.queuedBytes;
  }

  /** Whether a broadcaster is connected. */
  get isPublished(): boolean {
    return this.#publication !== undefined;
  }

  /** Lets a broadcaster's connection send. There must be none, and the broadcast must not have ended. */
  publish(): PublicationSink {
    const publication: Publication = { onDrain: undefined, onKick: undefined };
    this.#publication = publication;
    this.#cancelGrace();
    this.#timeline.reconnect();
    return {
      write: (tags) => this.#write(publication, tags),
      onDrain: (listener) => {
        publication.onDrain = listener;
      },
      onKick: (listener) => {
        publication.onKick = listener;
      },
      end: () => this.#detach(publication),
    };
  }

  /** Ends the broadcast at once, and cuts its broadcaster off. */
  end(reason: BroadcastEndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelGrace();
    const publication = this.#publication;
    this.#publication = undefined;
    this.#queue.finish();
    this.emit('ended', reason);
    publication?.onKick?.(CUT_OFF[reason]);
  }

  #write(publication: Publication, tags: FlvTags): boolean {
    if (publication !== this.#publication) return true;
    if (this.#awayUntilMs !== undefined) {
      this.#awayUntilMs = undefined;
      this.emit('back');
    }
    return this.#queue.add(tags.map((tag) => this.#timeline.place(tag)));
  }

  /**
   * Lost or stopped makes no difference: who stops an encoder to change a setting is back in seconds. One that came back and sent
   * nothing has not been back, so the grace time that is left is what was left before.
   */
  #detach(publication: Publication): void {
    if (publication !== this.#publication) return;
    this.#publication = undefined;
    const nowMs = this.#options.clock.nowMs();
    if (this.#awayUntilMs === undefined) {
      this.#awayUntilMs = nowMs + this.#options.graceMs;
      this.emit('away');
    }
    if (this.#ended) return;
    this.#cancelGrace = this.#options.timers.after(Math.max(0, this.#awayUntilMs - nowMs), () => this.end('broadcast-ended'));
  }
}
