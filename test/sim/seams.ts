import type { Logger } from 'pino';
import type { KeyExchange } from '../../src/authority/key-exchange.ts';
import type { ViewingSession } from '../../src/authority/viewing-session.ts';
import type { ViewingRecord } from '../../src/billing/viewing-record.ts';
import type { Bus } from '../../src/bus/bus.ts';
import type { Clock } from '../../src/clock.ts';
import type { KeySource } from '../../src/encryptor/key-source.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import type { ViewingEvent } from '../../src/viewing/viewing.ts';
import type { Invariant } from './oracle.ts';
import type { Random } from './random.ts';

/** Where something can be made to go wrong. Without a fault, each passes on what it is given. */
export interface Seams {
  /** What is written of an entry that is acknowledged. */
  written(entry: Entry, random: Random): Entry;
  /** Whether an entry is acknowledged before it is durable. */
  isEager(entry: Entry): boolean;
  /** When an entry is said to have been made. */
  stampMs(entry: Entry, monoMs: number): number;
  lastEpoch(epoch: number): number;
  /** The ledger's view of confirmed time. */
  view(sql: string): string;
  /** What a viewing makes of what happens to it. */
  dispatch(session: ViewingSession, event: ViewingEvent, dispatch: (event: ViewingEvent) => void): void;
  exchange(exchange: KeyExchange, log: Logger): KeyExchange;
  /** An edge's end of the bus. */
  edgeBus(bus: Bus): Bus;
  /** Whether what an edge sends to a socket reaches it. */
  arrives(someoneIsSlow: boolean): boolean;
  cap(cap: string | undefined): string | undefined;
  billed(ms: number, record: ViewingRecord): number;
  /** The authority as an encryptor has it. */
  keySource(keys: KeySource): KeySource;
  /** What a start does beside recovery. */
  restarted(file: string, clock: Clock): void;
  /** By how much a clock is wrong after so long. */
  driftMs(sinceMs: number): number;
}

export const NO_FAULT: Seams = {
  written: (entry) => entry,
  isEager: () => false,
  stampMs: (_, monoMs) => monoMs,
  lastEpoch: (epoch) => epoch,
  view: (sql) => sql,
  dispatch: (_, event, dispatch) => dispatch(event),
  exchange: (exchange) => exchange,
  edgeBus: (bus) => bus,
  arrives: () => true,
  cap: (cap) => cap,
  billed: (ms) => ms,
  keySource: (keys) => keys,
  restarted: () => undefined,
  driftMs: () => 0,
};

/** A rule that is broken on purpose, to see that the simulator notices. */
export interface Fault {
  /** What of DESIGN.md, section 5, it breaks; which of them shows first depends on the seed. */
  readonly breaks: readonly Invariant[];
  /** For one run. */
  make(): Partial<Seams>;
}
