import type { KeyObject } from 'node:crypto';
import type { Logger } from 'pino';
import type { Tariff } from '../billing/tariff.ts';
import type { GateChange } from '../bus/bus.ts';
import type { Clock, Timers } from '../clock.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Entered, Entry } from '../ledger/entry.ts';
import type { ServerMessage } from '../protocol/messages.ts';
import type { ViewerToken } from '../tokens/viewer-token.ts';
import type { EndReason } from '../viewing/end-reason.ts';
import type { EpochTimes } from '../viewing/epoch-times.ts';
import type { CatchUps } from './catch-ups.ts';
import type { KeyExchange } from './key-exchange.ts';
import type { ViewingSession } from './viewing-session.ts';

/** Who watches what, at which price, with which device. */
export interface ViewingTerms {
  readonly viewing: string;
  readonly viewer: string;
  readonly program: string;
  readonly title: string;
  readonly broadcast: string;
  readonly tariff: Tariff;
  readonly token: ViewerToken;
  readonly signKey: KeyObject;
}

/** What viewings of all broadcasts need of their authority. */
export interface CommonPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  readonly exchange: KeyExchange;
  /** See Ledger. */
  record(entry: Entry, patienceMs?: number): Promise<Entered>;
  /** A media ticket for this viewing, made known to the edge. */
  ticket(session: ViewingSession): ServerMessage;
  readonly catchUps: CatchUps;
  keySent(session: ViewingSession): void;
  keyConfirmed(session: ViewingSession): void;
  /** A receipt is durable so long after its key was sent. */
  receiptDurable(afterMs: number): void;
  creditCovers(session: ViewingSession, moreMs: number): boolean;
  ended(session: ViewingSession, reason: EndReason): void;
}

/** What it needs of the broadcast that it is a viewing of, besides. */
export interface ViewingPorts extends CommonPorts {
  readonly rules: { readonly periodMs: number; readonly minAnswerMs: number; readonly graceMs: number };
  readonly ring: KeyRing;
  readonly epochs: EpochTimes;
  gate(edge: string, change: GateChange): void;
  /** When an epoch that has not begun is planned to. */
  startsMs(epoch: number): number;
  /** Whether an epoch's chunks are for nobody any more, confirmed or not. */
  isShut(epoch: number): boolean;
  /** A viewing has ended at that time: what it comes to is known, and does not change any more. */
  settled(atMs: number): void;
}
