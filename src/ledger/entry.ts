import type { Tariff } from '../billing/tariff.ts';
import type { EndReason } from '../viewing/end-reason.ts';

/**
 * Everything that a bill is made from (DESIGN.md, section 4, "Ledger"). All `…Ms` are monotonic milliseconds of the boot that
 * the viewing, epoch or broadcast lives in; the `boot` entry anchors them to the wall clock.
 */
export type Entry =
  /** A process that bills began. `wallAnchorMs`: wall time at its monotonic 0. */
  | { kind: 'boot'; version: string; wallAnchorMs: number }
  /** Sign of life, once a second. */
  | { kind: 'life' }
  | { kind: 'program-added'; program: string; title: string; tariff: Tariff; streamKeyHash: string }
  | { kind: 'program-rekeyed'; program: string; streamKeyHash: string }
  | { kind: 'program-removed'; program: string }
  /** An encryptor elsewhere may ask for the keys of these programs. `secretHash`: SHA-256, hex. */
  | { kind: 'encryptor-added'; encryptor: string; programs: string[]; secretHash: string }
  | { kind: 'encryptor-revoked'; encryptor: string }
  /** `continues`: the broadcast that this one goes on with, after the authority died: their viewings are one charge. */
  | { kind: 'broadcast-started'; program: string; broadcast: string; continues?: string }
  | { kind: 'broadcast-ended'; program: string; broadcast: string; atMs: number; reason: string }
  /** The broadcaster went away, or came back, within its grace time. */
  | { kind: 'media-paused'; program: string; broadcast: string; atMs: number }
  | { kind: 'media-resumed'; program: string; broadcast: string; atMs: number }
  /** The number is used up, whatever becomes of it; durable before its key is sent to anybody. */
  | { kind: 'epoch-reserved'; program: string; broadcast: string; epoch: number }
  /** An encryptor elsewhere has the epoch's key: `receipt` is its JWS. */
  | { kind: 'encryptor-confirmed'; program: string; broadcast: string; epoch: number; encryptor: string; receipt: string }
  /** First chunk sealed under it. An epoch lasts until the next of its broadcast begins, or the broadcast ends. */
  | { kind: 'epoch-begun'; program: string; broadcast: string; epoch: number; atMs: number }
  /** The viewer's consent: `watch` is its JWS over program, tariff, token hash and device keys. */
  | {
      kind: 'consent';
      viewing: string;
      viewer: string;
      program: string;
      broadcast: string;
      tariff: Tariff;
      token: string;
      watch: string;
    }
  | { kind: 'key-sent'; viewing: string; epoch: number }
  /** `receipt` is the viewer's JWS; `chunks` its own count of decrypted chunks. Confirmed from this entry's own `monoMs` on. */
  | { kind: 'receipt'; viewing: string; epoch: number; chunks: number; receipt: string }
  | { kind: 'viewing-started'; viewing: string; atMs: number }
  /** Time in which chunks were being sent; several entries of a viewing and epoch add up. `spans`: [viewing, fromMs, toMs]. */
  | { kind: 'served'; program: string; epoch: number; spans: [viewing: string, fromMs: number, toMs: number][] }
  | { kind: 'viewing-ended'; viewing: string; reason: EndReason; atMs: number };

export type EntryKind = Entry['kind'];

/** When an entry was made: the writer's boot, its monotonic time, and the wall time that this boot's anchor gives. */
export interface Stamp {
  readonly boot: string;
  readonly monoMs: number;
  readonly wallMs: number;
}

/** An entry in its place in the chain. */
export interface Entered extends Stamp {
  /** 1, 2, 3 … without a gap. */
  readonly seq: number;
  readonly entry: Entry;
  /** SHA-256, hex, over the previous entry's hash and this entry's content. */
  readonly hash: string;
}
