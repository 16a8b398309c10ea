import { CatchUps } from '../../src/authority/catch-ups.ts';
import { EdgeLink } from '../../src/authority/edge-link.ts';
import { KeyDebt } from '../../src/authority/key-debt.ts';
import { LiveBroadcast } from '../../src/authority/live-broadcast.ts';
import { RemoteEncryptor } from '../../src/authority/remote-encryptor.ts';
import { ViewingSession } from '../../src/authority/viewing-session.ts';
import { LiveMeter } from '../../src/billing/live-meter.ts';
import type { Bus, ServedSpan } from '../../src/bus/bus.ts';
import { ViewingDelivery } from '../../src/edge/delivery.ts';
import { Tickets } from '../../src/edge/tickets.ts';
import type { Encryptor } from '../../src/encryptor/key-source.ts';
import { Broadcast } from '../../src/ingest/broadcast.ts';
import type { KeyOffer } from '../../src/keys/content-key.ts';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { openReader } from '../../src/ledger/reader.ts';
import type { FlvTags } from '../../src/media/flv.ts';
import type { ViewingEvent } from '../../src/viewing/viewing.ts';
import { asKey } from './exchange.ts';
import { patch, patchGetter } from './patches.ts';
import type { Fault, Seams } from './seams.ts';

const LIFE: Entry = { kind: 'life' };

const dispatching = (
  change: (session: ViewingSession, event: ViewingEvent, dispatch: (event: ViewingEvent) => void) => void,
) => ({
  dispatch: change,
});

/** Edges report something else than what they served. */
const reporting = (change: (spans: readonly ServedSpan[]) => readonly ServedSpan[]): Partial<Seams> => ({
  edgeBus: (bus: Bus) => ({
    ...bus,
    deliveries: {
      ...bus.deliveries,
      publish: (delivery) =>
        bus.deliveries.publish(delivery.kind === 'served' ? { ...delivery, spans: change(delivery.spans) } : delivery),
    },
  }),
});

/** Two encryptors have the keys of one broadcast. */
const both = (one: Encryptor, other: Encryptor): Encryptor => ({
  offer(offer: KeyOffer) {
    one.offer({ ...offer, key: { ...offer.key, contentKey: Uint8Array.from(offer.key.contentKey) } });
    other.offer(offer);
  },
  end(reason) {
    one.end(reason);
    other.end(reason);
  },
});

/** Rules that are broken on purpose, each to see that the simulator notices. */
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
  'a content key is logged': {
    breaks: [1],
    make: () => ({
      exchange: (exchange, log) => ({
        ...exchange,
        proofKey: (contentKey) => {
          log.debug({ key: Buffer.from(contentKey).toString('hex') }, 'a key was made');
          return exchange.proofKey(contentKey);
        },
      }),
    }),
  },
  'another device may resume a viewing': {
    breaks: [1],
    make: () => ({ exchange: (exchange) => ({ ...exchange, agreedOnResume: async () => asKey('agree') }) }),
  },
  'a second encryptor is given the keys of the first': {
    breaks: [2],
    make() {
      patch(RemoteEncryptor, 'fence', () => undefined);
      patch(LiveBroadcast, 'replaced', (live, replaced, next) => replaced(both(live.encryptor, next)));
      return {};
    },
  },
  'a restart counts epochs from the beginning': { breaks: [2], make: () => ({ lastEpoch: () => 0 }) },
  'a receipt counts before it is durable': { breaks: [3], make: () => ({ isEager: ({ kind }) => kind === 'receipt' }) },
  'a gate opens one epoch early': {
    breaks: [3],
    make() {
      patch(EdgeLink, 'open', (_, open, epoch, catchUp) => {
        open(epoch, catchUp);
        open(epoch + 1, false);
      });
      return {};
    },
  },
  'an edge looks at no gate': {
    breaks: [3],
    make() {
      patch(ViewingDelivery, 'mayHave', () => true);
      return {};
    },
  },
  'a deadline is off by one update': {
    breaks: [4],
    make() {
      const spared = new Set<string>();
      return dispatching((session, event, dispatch) => {
        const last = session.state.keys.at(-1);
        if (event.type === 'update-due' && last?.receipt === 'awaited' && !spared.has(session.id)) {
          spared.add(session.id);
          dispatch({ type: 'receipt', epoch: last.epoch });
        }
        dispatch(event);
      });
    },
  },
  'keys that are left unconfirmed are not counted': {
    breaks: [4],
    make() {
      patch(KeyDebt, 'waitMs', () => 0);
      return {};
    },
  },
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
    make: () => reporting((spans) => spans.map(([viewing, fromMs, toMs]) => [viewing, fromMs - 700, toMs])),
  },
  'the gate of a viewing that is revoked stays open': {
    breaks: [5, 8],
    make: () =>
      dispatching((session, event, dispatch) => {
        if (event.type === 'end' && event.reason === 'revoked')
          Object.assign(session.link, { close: () => dispatch({ type: 'delivered' }) });
        dispatch(event);
      }),
  },
  'a viewing that is superseded goes on': {
    breaks: [5],
    make: () =>
      dispatching((_, event, dispatch) => {
        if (event.type !== 'end' || event.reason !== 'superseded') dispatch(event);
      }),
  },
  'a free catch-up is given each time': {
    breaks: [5],
    make() {
      patch(CatchUps, 'take', () => true);
      return {};
    },
  },
  'time in which nothing came is billed': {
    breaks: [5, 7],
    make() {
      const lastMs = new Map<string, number>();
      const joined = ([viewing, fromMs, toMs]: ServedSpan): ServedSpan => {
        const from = Math.min(fromMs, lastMs.get(viewing) ?? fromMs);
        lastMs.set(viewing, toMs);
        return [viewing, from, toMs];
      };
      return reporting((spans) => spans.map(joined));
    },
  },
  'an edge is believed of viewings that it never had': {
    breaks: [5, 7],
    make() {
      patch(EdgeLink, 'served', (link, served, edge, span) => (edge === link.edge ? served(edge, span) : [span]));
      return {};
    },
  },
  'a late receipt counts from the beginning of its epoch': {
    breaks: [5],
    make: () => ({ view: (sql) => sql.replace('max(r.at_ms, e.begun_ms)', 'e.begun_ms') }),
  },
  'an epoch that is not known to have begun confirms': {
    breaks: [5],
    make: () => ({ view: (sql) => sql.replace('max(r.at_ms, e.begun_ms)', 'r.at_ms') }),
  },
  'an epoch lasts as long as its broadcast': {
    breaks: [5, 7],
    make: () => ({
      view: (sql) => sql.replace(/min\(coalesce.*AS to_ms/, 'coalesce(b.ended_ms, boot.last_ms) AS to_ms'),
    }),
  },
  "an epoch's beginning is acknowledged, and then lost": {
    breaks: [5, 7],
    make: () => ({ written: (entry, random) => (entry.kind === 'epoch-begun' && random.chance(0.2) ? LIFE : entry) }),
  },
  'time follows a wall clock that is set back': {
    breaks: [4, 5, 6, 7, 10],
    make: () => ({ driftMs: (sinceMs) => (sinceMs > 15_000 ? -3_000 : 0) }),
  },
  'a restart makes up what was not reported': {
    breaks: [5, 6],
    make: () => ({
      restarted(file, clock) {
        const reader = openReader(file);
        const spans = [...reader.viewings()].flatMap(({ viewing, startedMs = 0, endedMs = 0, endedBy }): ServedSpan[] =>
          endedBy === 'interrupted' ? [[viewing, startedMs, endedMs]] : [],
        );
        reader.close();
        const entry: Entry = { kind: 'served', program: '', epoch: 1, spans: spans.map(([...span]) => span) };
        appendNow(file, clock, () => [entry]);
      },
    }),
  },
  'each restart bills what was interrupted a little more': {
    breaks: [5, 6],
    make() {
      let restarts = 0;
      return {
        restarted: () => {
          restarts++;
        },
        billed: (ms, { endedBy }) => (endedBy === 'interrupted' && ms > 0 ? ms + restarts : ms),
      };
    },
  },
  'a spending cap is taken five cents too high': {
    breaks: [5],
    make: () => ({ cap: (cap) => (cap === undefined ? undefined : (Number(cap) + 0.05).toFixed(2)) }),
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
  'what is told goes on after the end': {
    breaks: [7],
    make() {
      patch(LiveMeter, 'end', () => undefined);
      return {};
    },
  },
  'what two edges served at once is told twice': {
    breaks: [7],
    make() {
      patch(EdgeLink, 'served', (_, served, edge, span) => (served(edge, span).length > 0 ? [span] : []));
      return {};
    },
  },
  'every end is told for the time being': {
    breaks: [7],
    make() {
      patch(ViewingSession, 'tell', (_, tell, message) =>
        tell(message.type === 'ended' ? { ...message, final: false } : message),
      );
      return {};
    },
  },
  'what a viewing was given is never forgotten': {
    breaks: [4, 8],
    make() {
      patch(KeyDebt, 'ended', () => undefined);
      return {};
    },
  },
  'an edge keeps its tickets': {
    breaks: [8],
    make() {
      patch(Tickets, 'forget', () => undefined);
      return {};
    },
  },
  'any stream key opens a program': {
    breaks: [9],
    make: () => ({
      keySource: (keys) => ({
        verify: async () => undefined,
        timelineStartMs: (program) => keys.timelineStartMs(program),
        begin: (program, broadcast, encryptor) => keys.begin(program, broadcast, encryptor),
      }),
    }),
  },
  'a second publisher is let in': {
    breaks: [9],
    make() {
      patchGetter(Broadcast, 'isPublished', false);
      return {};
    },
  },
  'a publisher that was cut off goes on': {
    breaks: [9],
    make() {
      patch(Broadcast, 'publish', (broadcast, publish) => {
        const sink = publish();
        let isOver = false;
        return {
          ...sink,
          write: (tags: FlvTags) => (isOver ? broadcast.tags.push(tags) : sink.write(tags)),
          end(how) {
            isOver = true;
            sink.end(how);
          },
        };
      });
      return {};
    },
  },
  'an encryptor whose credential is revoked goes on': {
    breaks: [9],
    make() {
      patch(LiveBroadcast, 'shut', (live) => live.away());
      return {};
    },
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
