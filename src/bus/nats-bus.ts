import type { Logger } from 'pino';
import type { Clock, Timers } from '../clock.ts';
import type { Bus, EdgeAnnouncement, Topic } from './bus.ts';
import { natsChunks } from './nats-chunks.ts';
import { connectNats, type NatsServers } from './nats-connect.ts';
import { natsDeliveries } from './nats-deliveries.ts';
import { natsGates } from './nats-gates.ts';
import { type NatsCounters, NatsLink } from './nats-link.ts';
import { Announcement, parseJson, toJson } from './nats-messages.ts';
import { demandPermissions } from './nats-permission-check.ts';
import { ANY, edgeIn, inboxOf, subjectOf } from './nats-subjects.ts';

export interface NatsBusOptions extends NatsServers {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
}

export interface NatsBus extends Bus {
  /** Totals since the start, for metrics. */
  readonly counters: Readonly<NatsCounters>;
  /** Bytes that the server has not confirmed yet. */
  readonly unconfirmedBytes: number;
  /** Of an edge: reports that wait for the authority. */
  readonly waitingDeliveries: number;
  /** Whether there is a connection now. */
  readonly isConnected: boolean;
  /** What this role needs and the server's permissions do not allow now, such as `publish to tollcast.gates.e1`; undefined if nothing. */
  readonly denied: string | undefined;
}

/** How long `close` waits for the authority to take the last deliveries. */
const CLOSE_WITHIN_MS = 1_000;

/**
 * Roles on several hosts: the bus over NATS (DESIGN.md, section 3), for one role, which may do what the credential of its kind allows.
 * The connection comes back by itself; meanwhile chunks and gates are dropped, and deliveries wait.
 * @throws TollcastError `nats-unreachable`, `nats-refused`, `nats-tls`, `config-invalid`
 */
export async function openNatsBus({ clock, timers, log, ...servers }: NatsBusOptions): Promise<NatsBus> {
  const { role } = servers;
  const edge = role.kind === 'edge' ? role.edge : undefined;
  // Only edges ask; the other roles may not listen anywhere for an answer.
  const inbox = edge === undefined ? '_INBOX' : inboxOf(edge);
  const logger = log.child({ nats: role.kind });
  const link = new NatsLink(await connectNats(servers), timers, logger);
  try {
    await demandPermissions(link, servers);
  } catch (error) {
    await link.close();
    throw error;
  }
  logger.info({ server: link.server }, 'connected to NATS');
  const deliveries = natsDeliveries(link, clock, timers, edge);
  return {
    chunks: natsChunks(link, clock, timers, edge),
    gates: natsGates(link, clock, timers, inbox),
    deliveries,
    edges: natsEdges(link),
    counters: link.counters,
    get unconfirmedBytes() {
      return link.unconfirmedBytes;
    },
    get waitingDeliveries() {
      return deliveries.waiting;
    },
    get isConnected() {
      return link.isConnected;
    },
    get denied() {
      return link.denied;
    },
    async close() {
      await deliveries.close(CLOSE_WITHIN_MS);
      await link.close();
    },
  };
}

/** The next announcement makes up for one that is lost. */
const natsEdges = (link: NatsLink): Topic<EdgeAnnouncement> => ({
  publish({ edge, ...announcement }) {
    link.send(subjectOf.edges(edge), toJson(announcement));
  },
  subscribe: (listener) =>
    link.subscribe(subjectOf.edges(ANY), ({ subject, data }) =>
      listener({ edge: edgeIn(subject), ...parseJson(Announcement, data) }),
    ),
});
