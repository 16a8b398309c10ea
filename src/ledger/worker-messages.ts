import type { Entered, EntryKind } from './entry.ts';

/** What the worker thread is started with. */
export interface WorkerSettings {
  readonly file: string;
  readonly boot: string;
  readonly wallAnchorMs: number;
  readonly pollMs: number;
  readonly busyTimeoutMs: number;
  readonly retryMs: { readonly first: number; readonly longest: number };
  readonly maxPages: number | undefined;
}

/** A batch as three columns: strings and numbers cross to another thread several times faster than objects do. */
export interface Batch {
  readonly kinds: readonly EntryKind[];
  readonly bodies: readonly string[];
  readonly monoMs: readonly number[];
}

export type ToWorker =
  /** One at a time: the next is sent once each entry of this one was answered. */
  | { readonly type: 'commit'; readonly batch: Batch }
  /** Do not wait for the next try. */
  | { readonly type: 'hurry' }
  | { readonly type: 'close' };

export type FromWorker =
  | { readonly type: 'opened' }
  | { readonly type: 'not-opened'; readonly code: string; readonly message: string }
  /** The next `hashes.length / 32` entries of the batch are durable, from `firstSeq` on. */
  | { readonly type: 'committed'; readonly firstSeq: number; readonly hashes: Uint8Array }
  /** The next entry of the batch can never be written. */
  | { readonly type: 'refused'; readonly message: string }
  /** A try failed; the batch is kept and will be tried again. */
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'foreign'; readonly entered: readonly Entered[] }
  /** An entry by another writer that this version cannot read. */
  | { readonly type: 'unreadable'; readonly seq: number; readonly kind: string; readonly what: string }
  /** Entries of other writers cannot be read, though ours are written; they are tried again. */
  | { readonly type: 'deaf'; readonly code: string; readonly message: string }
  /** They are read again. */
  | { readonly type: 'hears' }
  | { readonly type: 'closed' };
