import type { Bus, GateChange, ServedSpan } from '../bus/bus.ts';
import type { Clock, Timers } from '../clock.ts';
import { Flag, type SealedChunk } from '../media/chunk.ts';
import { type CacheLimits, KeyframeCache } from '../media/keyframe-cache.ts';
import { type BatchPorts, ChunkBatch } from './chunk-batch.ts';
import { ViewingDelivery } from './delivery.ts';
import { encodeMediaMessage, type MediaMessage } from './media-message.ts';
import type { MediaSocket } from './media-socket.ts';
import { ProgramFeed } from './program-feed.ts';

export interface FanOutLimits {
  /** A viewing whose socket holds more loses chunks until a keyframe finds it drained to half. */
  readonly maxSocketBytes: number;
  /** A viewing that has been losing chunks for this long is ended. */
  readonly tooSlowMs: number;
  /** How often served time is reported within an epoch. */
  readonly servedReportMs: number;
  readonly joinCache: CacheLimits;
}

export interface FanOutPorts extends BatchPorts {
  readonly limits: FanOutLimits;
  readonly bus: Bus;
}

export interface Backlog {
  readonly socketBytes: number;
  /** Viewings. */
  readonly behind: number;
  readonly waitingChunks: number;
}

/**
 * Sends one program's sealed chunks to every viewing whose gate is open. A message is made once for all of them; who cannot
 * keep up loses chunks, delays nobody and holds no more than its limit (DESIGN.md, section 4, "Fan-out").
 */
export class FanOut {
  readonly #edge: string;
  readonly program: string;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #limits: FanOutLimits;
  readonly #bus: Bus;
  readonly #viewings = new Map<string, ViewingDelivery>();
  readonly #cache: KeyframeCache<SealedChunk>;
  readonly #feed: ProgramFeed;
  /** Of the chunks that were sent last. */
  #epoch = 0;
  /** A keyframe has come with which those who wait may begin. */
  #joinable = false;
  readonly #batch: ChunkBatch;
  #cancelReport: (() => void) | undefined;
  /** What joiners are sent, made when the first one needs it. */
  #joinMessage: MediaMessage | undefined;
  /** Chunks that full sockets cost their viewers. */
  dropped = 0;
  sentBytes = 0;

  constructor(edge: string, program: string, ports: FanOutPorts) {
    const { clock, timers, limits, bus } = ports;
    this.#edge = edge;
    this.program = program;
    this.#clock = clock;
    this.#timers = timers;
    this.#limits = limits;
    this.#bus = bus;
    this.#batch = new ChunkBatch(program, ports, (chunks) => this.#send(chunks));
    this.#cache = new KeyframeCache(clock, limits.joinCache);
    this.#scheduleReport();
    this.#feed = new ProgramFeed(program, bus, {
      chunk: (chunk) => this.#batch.add(chunk),
      broken: () => this.#broken(),
      mended: (chunks) => this.#mended(chunks),
    });
  }

  /** What waits now: bytes in the viewers' sockets, viewings that lose chunks for it, chunks before those that are missing. */
  get backlog(): Backlog {
    let [socketBytes, behind] = [0, 0];
    for (const { socket, behindSinceMs } of this.#viewings.values()) {
      socketBytes += socket?.bufferedBytes ?? 0;
      if (behindSinceMs !== undefined) behind++;
    }
    return { socketBytes, behind, waitingChunks: this.#feed.waiting };
  }

  /** How often chunks were missing, since the start. */
  get mends(): number {
    return this.#feed.mends;
  }

  get viewings(): readonly string[] {
    return [...this.#viewings.keys()];
  }

  gate(change: Extract<GateChange, { viewing: string }>): void {
    if (change.kind === 'close') {
      this.#close(change.viewing);
      return;
    }
    const delivery = this.#viewings.get(change.viewing) ?? new ViewingDelivery(change.viewing);
    this.#viewings.set(change.viewing, delivery);
    if (change.kind === 'ticket') {
      this.#drop(delivery, 'superseded by a new ticket');
      if (change.lastChunkMs !== undefined) delivery.served.goesOn(change.lastChunkMs);
      return;
    }
    delivery.open(change.epoch, change.catchUp);
    this.#feed.confirmed(change.epoch);
    this.#join(delivery);
  }

  /** A viewing may have chunks of these epochs, and of no others that were open. */
  keep(viewing: string, epochs: ReadonlySet<number>): void {
    this.#viewings.get(viewing)?.keep(epochs);
  }

  /** A media socket whose ticket was good. What it returns is to be called once the socket is closed. */
  attach(viewing: string, socket: MediaSocket): (() => void) | undefined {
    const delivery = this.#viewings.get(viewing);
    if (delivery === undefined) return undefined;
    this.#drop(delivery, 'superseded by another socket');
    delivery.socket = socket;
    this.#join(delivery);
    return () => {
      if (delivery.socket === socket) this.#drop(delivery, 'closed');
    };
  }

  /** Sends what is there, and nothing after that; reports what was served. */
  close(): void {
    this.#feed.close();
    this.#batch.close();
    this.#report();
    this.#cancelReport?.();
    for (const delivery of this.#viewings.values()) this.#drop(delivery, 'the edge is closing');
  }

  /** Every viewing begins anew with what the feed is mended with. A viewer drops by its counter what it has had. */
  #broken(): void {
    this.#batch.flush();
    for (const delivery of this.#viewings.values()) if (delivery.position === 'live') delivery.position = 'joining';
  }

  #mended(chunks: readonly SealedChunk[]): void {
    const epoch = chunks.at(-1)?.epoch;
    if (epoch === undefined) {
      this.#cache.dropGroup();
    } else {
      // At the start nobody has lost anything: a free catch-up is for whom it was granted, wherever else it watched before.
      this.#joinable = this.#epoch !== 0;
      if (epoch !== this.#epoch) this.#changeEpoch(epoch);
      this.#cache.clear();
      for (const chunk of chunks) this.#cache.add(chunk);
    }
    this.#joinMessage = undefined;
    for (const delivery of this.#viewings.values()) this.#join(delivery);
  }

  /** One pass over the viewings with chunks of one epoch. */
  #send(chunks: readonly SealedChunk[]): void {
    const epoch = chunks[0]?.epoch ?? 0;
    if (epoch !== this.#epoch) this.#changeEpoch(epoch);
    for (const chunk of chunks) this.#cache.add(chunk);
    this.#joinMessage = undefined;
    if (chunks.some(({ flags }) => flags & Flag.keyframe)) this.#joinable = true;
    const live = chunks.filter(({ flags }) => !(flags & Flag.forJoiners));
    // What is sealed again for joiners has a live chunk behind it: only with that is the group of pictures whole.
    if (live.length === 0) return;
    const message = encodeMediaMessage(live);
    const nowMs = this.#clock.nowMs();
    for (const delivery of this.#viewings.values()) {
      if (delivery.socket === undefined || !delivery.mayHave(epoch)) {
        delivery.position = 'idle';
      } else if (delivery.position === 'live') {
        this.#give(delivery, message, live.length, nowMs);
      } else if (this.#joinable || (delivery.position === 'idle' && !this.#cache.isEmpty && delivery.takeCatchUp(epoch))) {
        this.#begin(delivery, nowMs);
      } else {
        delivery.position = 'joining';
        this.#lose(delivery, live.length, nowMs);
      }
    }
    if (live.some(({ flags }) => !(flags & Flag.preamble))) this.#joinable = false;
  }

  #changeEpoch(epoch: number): void {
    this.#report();
    this.#epoch = epoch;
  }

  /** Begins sending to a viewing, if its gate and its socket are open: with the free catch-up, or at the next keyframe. */
  #join(delivery: ViewingDelivery): void {
    if (delivery.position !== 'idle' || delivery.socket === undefined || !delivery.mayHave(this.#epoch)) return;
    delivery.position = 'joining';
    if (!this.#cache.isEmpty && delivery.takeCatchUp(this.#epoch)) this.#begin(delivery, this.#clock.nowMs());
  }

  /** Sends what is kept since the last keyframe, after which the viewing is live. A socket that is still full waits for the next. */
  #begin(delivery: ViewingDelivery, nowMs: number): void {
    delivery.position = 'joining';
    const message = this.#makeJoinMessage();
    if (message === undefined) return;
    if (delivery.behindSinceMs !== undefined && (delivery.socket?.bufferedBytes ?? 0) > this.#limits.maxSocketBytes / 2) {
      this.#lose(delivery, 1, nowMs);
      return;
    }
    delivery.position = 'live';
    delivery.beganBytes = Math.max(0, message.frame.length - this.#limits.maxSocketBytes / 2);
    this.#write(delivery, message, nowMs);
  }

  /** The preamble and every chunk since the last keyframe, as one message for all who join; undefined before a keyframe came. */
  #makeJoinMessage(): MediaMessage | undefined {
    if (this.#cache.isEmpty) return undefined;
    this.#joinMessage ??= encodeMediaMessage([...this.#cache]);
    return this.#joinMessage;
  }

  #give(delivery: ViewingDelivery, message: MediaMessage, chunks: number, nowMs: number): void {
    const bufferedBytes = delivery.socket?.bufferedBytes ?? 0;
    if (bufferedBytes <= this.#limits.maxSocketBytes / 2) delivery.beganBytes = 0;
    if (bufferedBytes > this.#limits.maxSocketBytes + delivery.beganBytes) {
      delivery.position = 'joining';
      this.#lose(delivery, chunks, nowMs);
      return;
    }
    delivery.behindSinceMs = undefined;
    this.#write(delivery, message, nowMs);
  }

  #write(delivery: ViewingDelivery, message: MediaMessage, nowMs: number): void {
    if (!delivery.socket?.isOpen) {
      this.#drop(delivery, 'closed');
      return;
    }
    delivery.socket.send(message);
    delivery.served.sent(nowMs);
    this.sentBytes += message.frame.length;
  }

  #lose(delivery: ViewingDelivery, chunks: number, nowMs: number): void {
    if ((delivery.socket?.bufferedBytes ?? 0) <= this.#limits.maxSocketBytes / 2) return;
    this.dropped += chunks;
    delivery.behindSinceMs ??= nowMs;
    if (nowMs - delivery.behindSinceMs < this.#limits.tooSlowMs) return;
    this.#drop(delivery, 'too slow');
    this.#bus.deliveries.publish({ edge: this.#edge, kind: 'too-slow', viewing: delivery.viewing });
  }

  #drop(delivery: ViewingDelivery, reason: string): void {
    const { socket } = delivery;
    delivery.socket = undefined;
    delivery.position = 'idle';
    delivery.behindSinceMs = undefined;
    socket?.close(1000, reason);
  }

  #close(viewing: string): void {
    const delivery = this.#viewings.get(viewing);
    if (delivery !== undefined) {
      this.#viewings.delete(viewing);
      if (this.#viewings.size === 0) this.#feed.left();
      this.#drop(delivery, 'the viewing has ended');
      this.#publishSpans(spansOf(delivery));
    }
    const lastChunkMs = delivery?.served.lastMs;
    this.#bus.deliveries.publish({
      edge: this.#edge,
      kind: 'closed',
      viewing,
      ...(lastChunkMs === undefined ? {} : { lastChunkMs }),
    });
  }

  #scheduleReport(): void {
    this.#cancelReport = this.#timers.after(this.#limits.servedReportMs, () => {
      this.#report();
      this.#scheduleReport();
    });
  }

  #report(): void {
    this.#publishSpans([...this.#viewings.values()].flatMap(spansOf));
  }

  #publishSpans(spans: readonly ServedSpan[]): void {
    if (spans.length > 0)
      this.#bus.deliveries.publish({ edge: this.#edge, kind: 'served', program: this.program, epoch: this.#epoch, spans });
  }
}

const spansOf = (delivery: ViewingDelivery): ServedSpan[] =>
  delivery.served.take().map(({ fromMs, toMs }) => [delivery.viewing, fromMs, toMs]);
