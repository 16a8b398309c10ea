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
  /** What a viewing makes of what happens to it. */
  dispatch(session: ViewingSession, event: ViewingEvent, dispatch: (event: ViewingEvent) => void): void;
  exchange(exchange: KeyExchange): KeyExchange;
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

const LIFE: Entry = { kind: 'life' };

const dispatching = (
  change: (session: ViewingSession, event: ViewingEvent, dispatch: (event: ViewingEvent) => void) => void,
) => ({
  dispatch: change,
});

export const FAULTS: Readonly<Record<string, Fault>> = {
  'a content key is written into the ledger': {
    breaks: [1],
    make() {
      let key = '';
      return {
        exchange: (exchange) => ({
          ...exchange,
          proofKey: (contentKey) => {
            key = Buffer.from(contentKey).toString('base64url');
            return exchange.proofKey(contentKey);
          },
        }),
        written: (entry) => (entry.kind === 'receipt' ? { ...entry, receipt: key } : entry),
      };
    },
  },
  'a restart counts epochs from the beginning': { breaks: [2], make: () => ({ lastEpoch: () => 0 }) },
  'a receipt counts before it is durable': { breaks: [3], make: () => ({ isEager: ({ kind }) => kind === 'receipt' }) },
  'silence is taken for an answer': {
    breaks: [4],
    make: () =>
      dispatching((session, event, dispatch) => {
        const last = session.state.keys.at(-1);
        if (event.type === 'update-due' && last?.receipt === 'awaited') dispatch({ type: 'receipt', epoch: last.epoch });
        dispatch(event);
      }),
  },
  'a stop is not heard': {
    breaks: [4, 5],
    make: () =>
      dispatching((_, event, dispatch) => {
        if (event.type !== 'end' || event.reason !== 'stopped') dispatch(event);
      }),
  },
  'an edge does not close a gate': {
    breaks: [5, 8],
    make: () => ({
      edgeBus: (bus) => ({
        ...bus,
        gates: {
          ...bus.gates,
          subscribe: (edge, { change, snapshot }) =>
            bus.gates.subscribe(edge, {
              change: (told) => {
                if (told.kind !== 'close') change(told);
              },
              snapshot,
            }),
        },
      }),
    }),
  },
  'an edge reports more than it sent': {
    breaks: [5],
    make: () => ({
      edgeBus: (bus) => ({
        ...bus,
        deliveries: {
          ...bus.deliveries,
          publish: (delivery) =>
            bus.deliveries.publish(
              delivery.kind === 'served'
                ? { ...delivery, spans: delivery.spans.map(([viewing, fromMs, toMs]) => [viewing, fromMs - 700, toMs] as const) }
                : delivery,
            ),
        },
      }),
    }),
  },
  'each viewing is rounded up to whole seconds': { breaks: [5], make: () => ({ billed: (ms) => Math.ceil(ms / 1_000) * 1_000 }) },
  'a spending cap is not looked at': { breaks: [5], make: () => ({ cap: () => undefined }) },
  'a receipt is acknowledged, and then lost': {
    breaks: [6],
    make: () => ({ written: (entry, random) => (entry.kind === 'receipt' && random.chance(0.05) ? LIFE : entry) }),
  },
  'served time is told, but not recorded': {
    breaks: [5, 7],
    make: () => ({ written: (entry, random) => (entry.kind === 'served' && random.chance(0.05) ? LIFE : entry) }),
  },
  'a viewing never hears that its gate is closed': {
    breaks: [8],
    make: () =>
      dispatching((_, event, dispatch) => {
        if (event.type !== 'delivered') dispatch(event);
      }),
  },
  'a slow viewer holds up the others': { breaks: [10], make: () => ({ arrives: (someoneIsSlow) => !someoneIsSlow }) },
};
