import type { SealedChunk } from '../media/chunk.ts';

/**
 * What the roles tell each other about media (DESIGN.md, section 3). Content keys never pass here. Times are monotonic
 * milliseconds of the receiving host: an implementation that crosses hosts carries ages and converts.
 */
export interface Bus {
  /** Encryptor → edges: a program's sealed chunks, in order. */
  readonly chunks: ChunkStream;
  /** Authority → one edge, in order: who may have what. */
  readonly gates: GateControl;
  /** Edges → authority: what was sent to whom. */
  readonly deliveries: Topic<Delivery>;
  /** Edges → authority: where they are and how full. */
  readonly edges: Topic<EdgeAnnouncement>;
  close(): Promise<void>;
}

/** One kind of message from whoever publishes to whoever subscribes, in order. */
export interface Topic<T> {
  publish(message: T): void;
  /** What it returns ends the subscription. */
  subscribe(listener: (message: T) => void): Unsubscribe;
}

export type Unsubscribe = () => void;

export interface ChunkStream {
  publish(program: string, chunk: SealedChunk): void;
  /** Every chunk of a program from now on. `lost`: some in between did not arrive. */
  subscribe(program: string, listener: { chunk(chunk: SealedChunk): void; lost(): void }): Unsubscribe;
  /** The encryptor's side of `catchUp`: what joiners need now. */
  serveCatchUp(program: string, chunks: () => readonly SealedChunk[]): Unsubscribe;
  /** For an edge that begins with a program: the preamble and the chunks since the last keyframe; none where nobody answers. */
  catchUp(program: string): Promise<readonly SealedChunk[]>;
}

export interface GateControl {
  publish(edge: string, change: GateChange): void;
  /**
   * The authority's side of `snapshot`: all that an edge should have open. Asked whenever an edge may have missed something.
   */
  serveSnapshots(changes: (edge: string) => readonly GateChange[]): Unsubscribe;
  /** An edge's side. `snapshot`: what is not in it is closed. */
  subscribe(
    edge: string,
    listener: { change(change: GateChange): void; snapshot(changes: readonly GateChange[]): void },
  ): Unsubscribe;
}

export type GateChange =
  /** Lets one media socket in for a viewing, once, and closes the one before. `ticketHash`: SHA-256 of the ticket, base64url. */
  | {
      readonly kind: 'ticket';
      readonly program: string;
      readonly viewing: string;
      readonly ticketHash: string;
      readonly expiresInMs: number;
      /** Where another thread of the same edge had the viewing before: when it sent the last chunk. Crosses no host. */
      readonly lastChunkMs?: number;
    }
  /** The epoch's receipt is durable. `catchUp`: once in this epoch, what came since the last keyframe may be sent to who joins, free of charge. */
  | {
      readonly kind: 'open';
      readonly program: string;
      readonly viewing: string;
      readonly epoch: number;
      readonly catchUp: boolean;
    }
  /** No further chunk; answered by a `closed` delivery. */
  | { readonly kind: 'close'; readonly program: string; readonly viewing: string }
  /** The broadcast is over: what is kept for joiners is dropped. */
  | { readonly kind: 'ended'; readonly program: string };

/** A viewing's served time since the last report. */
export type ServedSpan = readonly [viewing: string, fromMs: number, toMs: number];

export type Delivery = { readonly edge: string } & (
  | { readonly kind: 'served'; readonly program: string; readonly epoch: number; readonly spans: readonly ServedSpan[] }
  /** The viewing could not keep up for longer than the limit. */
  | { readonly kind: 'too-slow'; readonly viewing: string }
  /** The gate is closed; every span has been reported before. `lastChunkMs`: when the last chunk was sent, if any was. */
  | { readonly kind: 'closed'; readonly viewing: string; readonly lastChunkMs?: number }
);

export interface EdgeAnnouncement {
  readonly edge: string;
  /** What viewers put before a ticket's path; empty for the server that they have their control socket with. */
  readonly url: string;
  readonly viewings: number;
  /** It is about to stop: no more viewings, please. */
  readonly leaving: boolean;
}
