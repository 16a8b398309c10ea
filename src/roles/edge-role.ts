import type { SocketRoute } from '../api/upgrade.ts';
import type { Bus } from '../bus/bus.ts';
import type { DeliveryConfig } from '../config/sections.ts';
import { Edge } from '../edge/edge.ts';
import { mediaPath, mediaRoute } from '../edge/media-route.ts';
import { CACHE_LIMITS } from '../media/keyframe-cache.ts';
import type { Host } from './host.ts';
import type { HttpRole } from './http-role.ts';

/** Within an epoch; what an interrupted viewing may lose is at most this. */
const SERVED_REPORT_MS = 2_000;

export interface EdgeRole {
  readonly sockets: readonly (readonly [RegExp, SocketRoute])[];
  /** From here on viewers are sent here. `url`: where they reach it; empty beside the authority. */
  announce(url: string): void;
}

export interface EdgePorts {
  readonly config: DeliveryConfig;
  readonly bus: Bus;
  readonly http: HttpRole;
  /** Names it among the edges. */
  readonly edge: string;
  /** How long a ticket that is not known is waited for: where the authority is elsewhere, the viewer may be here first. */
  readonly ticketWaitMs?: number;
}

/** Carries sealed chunks to viewers whose gate is open (DESIGN.md, section 3). */
export function edgeRole(host: Host, { config, bus, http, edge, ticketWaitMs = 0 }: EdgePorts): EdgeRole {
  const { clock, timers, metrics } = host;
  const carrier = new Edge({
    edge,
    clock,
    timers,
    bus,
    ticketWaitMs,
    limits: { ...config, servedReportMs: SERVED_REPORT_MS, joinCache: CACHE_LIMITS },
  });
  host.onClose(() => carrier.close());
  metrics.gauge('tollcast_edge_viewings', 'Viewings that this edge serves', () => carrier.viewings);
  metrics.total('tollcast_media_sent_bytes_total', 'Bytes of sealed media given to viewers', () => carrier.totals.sentBytes);
  metrics.total('tollcast_media_dropped_chunks_total', 'Chunks that slow viewers lost', () => carrier.totals.droppedChunks);
  metrics.gauge('tollcast_edge_programs', 'Programs that this edge follows', () => carrier.programs);
  metrics.gauge('tollcast_media_backlog_bytes', "Sealed media that waits in viewers' sockets", () => carrier.backlog.socketBytes);
  metrics.gauge(
    'tollcast_media_slow_viewings',
    'Viewings that lose chunks because their socket is full',
    () => carrier.backlog.behind,
  );
  metrics.gauge(
    'tollcast_media_batch_seconds',
    'How long chunks are held back to be sent together',
    () => carrier.batchMs / 1_000,
  );
  metrics.gauge(
    'tollcast_media_waiting_chunks',
    'Chunks that wait for missing ones before them',
    () => carrier.backlog.waitingChunks,
  );
  metrics.total('tollcast_media_mends_total', 'Times that chunks were missing and asked for again', () => carrier.totals.mends);
  metrics.gauge('tollcast_media_tickets', 'Media tickets that nobody has come with yet', () => carrier.tickets.unused);
  metrics.gauge(
    'tollcast_media_tickets_awaited',
    'Media tickets that somebody came with before they were known',
    () => carrier.tickets.awaited,
  );
  metrics.total(
    'tollcast_media_tickets_refused_total',
    'Media tickets that were unknown, used or expired',
    () => carrier.totals.refusedTickets,
  );
  return { sockets: [[mediaPath, mediaRoute(carrier, http.heartbeat)]], announce: (url) => carrier.announce(url) };
}
