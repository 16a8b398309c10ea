import { backOffMs } from '../back-off.ts';
import type { Clock, Timers } from '../clock.ts';
import { TollcastError } from '../errors.ts';
import { ANSWER_WITHIN_MS, LAST_CHUNKS_WITHIN_MS, MEDIA_SILENCE_MS, RECONNECT_FOR_MS } from './limits.ts';
import { MediaConnection } from './media-connection.ts';
import type { OpenSocket } from './socket.ts';

export interface FeedEvents {
  /** A sealed chunk. False: too much at once; the feed connects anew. */
  chunk(sealed: Uint8Array<ArrayBuffer>): boolean;
  /** Asks the server for a ticket, which comes as `connect`. False if it cannot be asked now; then `controlRestored` follows. */
  askTicket(): boolean;
  /** The connection was lost; another one is being made. */
  lost(): void;
  /** Nothing more will come of this feed. */
  gaveUp(error: TollcastError): void;
}

export interface FeedParts {
  readonly openSocket: OpenSocket;
  readonly timers: Timers;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly random: () => number;
}

/** Keeps a media socket open: when one is lost or falls silent, asks for another ticket and connects again, for a while. */
export class MediaFeed {
  readonly #parts: FeedParts;
  readonly #events: FeedEvents;
  #connection: MediaConnection | undefined;
  #cancelTimer: () => void = () => {};
  #attempts = 0;
  #lostSinceMs: number | undefined;
  #lastChunkMs = 0;
  /** Whether a gate has opened since the last chunk. */
  #gateOpened = true;
  #away = false;
  #wantsTicket = false;
  #over = false;
  #whenClosed: () => void = () => {};

  constructor(parts: FeedParts, events: FeedEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  get connected(): boolean {
    return this.#connection?.open ?? false;
  }

  /** Connects by a fresh ticket's address, in place of the connection before. */
  connect(url: string): void {
    if (this.#over) return;
    this.#connection?.close();
    this.#wantsTicket = false;
    this.#lastChunkMs = this.#parts.clock.nowMs();
    const connection: MediaConnection = new MediaConnection(url, this.#parts.openSocket, {
      chunk: (sealed) => this.#chunk(sealed),
      lost: () => {
        if (connection === this.#connection) this.#lost();
      },
    });
    this.#connection = connection;
    this.#watchSilence(MEDIA_SILENCE_MS);
  }

  /** A ticket's address led nowhere. */
  unreachable(): void {
    if (this.#over) return;
    this.#wantsTicket = false;
    this.#lost();
  }

  /** The broadcaster is away: silence says nothing about the socket. */
  setAway(away: boolean): void {
    this.#away = away;
    this.#lastChunkMs = this.#parts.clock.nowMs();
    this.#lostSinceMs = undefined;
  }

  /** Chunks may come: a gate has opened. */
  opened(): void {
    this.#gateOpened = true;
  }

  controlRestored(): void {
    if (this.#wantsTicket) this.#ask();
  }

  /** The viewing is over: waits a little for chunks still under way, then closes. */
  async finish(): Promise<void> {
    this.#over = true;
    this.#cancelTimer();
    if (this.#connection?.open) {
      await new Promise<void>((resolve) => {
        this.#whenClosed = resolve;
        this.#cancelTimer = this.#parts.timers.after(LAST_CHUNKS_WITHIN_MS, resolve);
      });
    }
    this.close();
  }

  close(): void {
    this.#over = true;
    this.#cancelTimer();
    this.#connection?.close();
  }

  #chunk(sealed: Uint8Array<ArrayBuffer>): boolean {
    this.#lastChunkMs = this.#parts.clock.nowMs();
    this.#gateOpened = false;
    this.#foundWell();
    return this.#events.chunk(sealed);
  }

  #watchSilence(delayMs: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#parts.timers.after(delayMs, () => {
      const silentMs = this.#away ? 0 : this.#parts.clock.nowMs() - this.#lastChunkMs;
      if (silentMs < MEDIA_SILENCE_MS) return this.#watchSilence(MEDIA_SILENCE_MS - silentMs);
      // While no gate opens, as when the authority's disk is full, an edge that is there has nothing to send: no reason to give up.
      if (this.#connection?.reached && !this.#gateOpened) this.#foundWell();
      this.#connection?.breakOff();
    });
  }

  #foundWell(): void {
    this.#attempts = 0;
    this.#lostSinceMs = undefined;
  }

  #lost(): void {
    if (this.#over) {
      this.#whenClosed();
      return;
    }
    const nowMs = this.#parts.clock.nowMs();
    this.#lostSinceMs ??= nowMs;
    this.#events.lost();
    if (nowMs - this.#lostSinceMs > RECONNECT_FOR_MS) {
      this.#cancelTimer();
      this.#events.gaveUp(new TollcastError('media-unreachable', 'the keys arrive, but the picture cannot be reached'));
      return;
    }
    this.#askIn(backOffMs(this.#attempts++, this.#parts.random()));
  }

  #askIn(delayMs: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#parts.timers.after(delayMs, () => this.#ask());
  }

  #ask(): void {
    this.#wantsTicket = !this.#events.askTicket();
    // A ticket that does not come counts as another loss.
    this.#cancelTimer();
    if (!this.#wantsTicket) this.#cancelTimer = this.#parts.timers.after(ANSWER_WITHIN_MS, () => this.#lost());
  }
}
