import type { Delivery, GateChange } from '../bus/bus.ts';
import type { CertificatePair } from '../config/certificates.ts';
import type { DeliveryConfig, HttpConfig } from '../config/sections.ts';
import type { Backlog } from '../edge/fan-out.ts';
import type { SealedChunk } from '../media/chunk.ts';
import type { ClockAnchor } from '../process-clock.ts';

/** The setting that chooses the port that all media threads share. */
export const MEDIA_PORT = 'viewers.mediaPort in the configuration';

/** What a media thread is started with. */
export interface ThreadSettings {
  readonly anchor: ClockAnchor;
  readonly host: string;
  /** `port` is the one that all media threads share; 0 for the first of them where it is to be any free one. */
  readonly http: HttpConfig;
  readonly delivery: DeliveryConfig;
  readonly pingMs: number;
  readonly logLevel: string;
  /** Where there is TLS: those of now. Others follow as they are read. */
  readonly certificate?: CertificatePair | undefined;
}

/** From the main thread, in order. */
export type ToThread =
  | { readonly type: 'gate'; readonly change: GateChange }
  /** All that the thread should have open. */
  | { readonly type: 'snapshot'; readonly changes: readonly GateChange[] }
  | { readonly type: 'chunk'; readonly program: string; readonly chunk: SealedChunk }
  /** Chunks are missing: what joiners need now is to be asked for. */
  | { readonly type: 'lost'; readonly program: string }
  /** The answer to `catch-up`, in the order of the questions. */
  | { readonly type: 'caught-up'; readonly program: string; readonly chunks: readonly SealedChunk[] }
  /** The answer to `claim`. The ticket and the open gates of the viewing came before it. */
  | { readonly type: 'claimed'; readonly claim: number; readonly granted: boolean }
  | { readonly type: 'certificate'; readonly certificate: CertificatePair }
  | { readonly type: 'close' };

/** A media thread, as far as it is spoken to. */
export interface MediaThread {
  post(message: ToThread): void;
}

/** To the main thread, in order. */
export type FromThread =
  | { readonly type: 'listening'; readonly url: string }
  | { readonly type: 'not-listening'; readonly code: string; readonly message: string }
  | { readonly type: 'follow' | 'unfollow' | 'catch-up'; readonly program: string }
  /** Somebody came with a ticket that this thread does not know. */
  | { readonly type: 'claim'; readonly claim: number; readonly program: string; readonly ticket: string }
  | { readonly type: 'delivery'; readonly delivery: Delivery }
  | { readonly type: 'figures'; readonly figures: ThreadFigures }
  /** The answer to `close`: every delivery has been said. Its sockets are being closed. */
  | { readonly type: 'closing' }
  /** As pino wrote it. */
  | { readonly type: 'log'; readonly line: string };

/** What a thread says to the edge that it is a part of. */
export type ToEdge = Extract<FromThread, { type: 'follow' | 'unfollow' | 'catch-up' | 'claim' | 'delivery' }>;

/** What a media thread says of itself each second; a sign of life as well. */
export interface ThreadFigures {
  readonly sentBytes: number;
  readonly droppedChunks: number;
  readonly refusedTickets: number;
  readonly batchMs: number;
  readonly backlog: Backlog;
  readonly sockets: number;
  readonly connections: number;
  readonly refused: ReadonlyMap<string, number>;
}

/** How often. */
export const FIGURES_MS = 1_000;

export const NO_FIGURES: ThreadFigures = {
  sentBytes: 0,
  droppedChunks: 0,
  refusedTickets: 0,
  batchMs: 0,
  backlog: { socketBytes: 0, behind: 0, waitingChunks: 0 },
  sockets: 0,
  connections: 0,
  refused: new Map(),
};
