import type { EdgeTotals } from '../edge/edge.ts';
import type { Backlog } from '../edge/fan-out.ts';
import type { Tickets } from '../edge/tickets.ts';
import type { Host } from './host.ts';

/** What there is to measure of an edge, in one thread or several. */
export interface EdgeFigures {
  readonly viewings: number;
  readonly programs: number;
  readonly totals: EdgeTotals;
  readonly backlog: Backlog;
  readonly batchMs: number;
  readonly tickets: Pick<Tickets, 'unused' | 'awaited'>;
}

export function measureEdge({ metrics }: Host, edge: EdgeFigures): void {
  metrics.gauge('tollcast_edge_viewings', 'Viewings that this edge serves', () => edge.viewings);
  metrics.total('tollcast_media_sent_bytes_total', 'Bytes of sealed media given to viewers', () => edge.totals.sentBytes);
  metrics.total('tollcast_media_dropped_chunks_total', 'Chunks that slow viewers lost', () => edge.totals.droppedChunks);
  metrics.gauge('tollcast_edge_programs', 'Programs that this edge follows', () => edge.programs);
  metrics.gauge('tollcast_media_backlog_bytes', "Sealed media that waits in viewers' sockets", () => edge.backlog.socketBytes);
  metrics.gauge(
    'tollcast_media_slow_viewings',
    'Viewings that lose chunks because their socket is full',
    () => edge.backlog.behind,
  );
  metrics.gauge('tollcast_media_batch_seconds', 'How long chunks are held back to be sent together', () => edge.batchMs / 1_000);
  metrics.gauge(
    'tollcast_media_waiting_chunks',
    'Chunks that wait for missing ones before them',
    () => edge.backlog.waitingChunks,
  );
  metrics.total('tollcast_media_mends_total', 'Times that chunks were missing and asked for again', () => edge.totals.mends);
  metrics.gauge('tollcast_media_tickets', 'Media tickets that nobody has come with yet', () => edge.tickets.unused);
  metrics.gauge(
    'tollcast_media_tickets_awaited',
    'Sockets that came before their media ticket was known, and wait for it',
    () => edge.tickets.awaited,
  );
  metrics.total(
    'tollcast_media_tickets_refused_total',
    'Media tickets that were unknown, used or expired',
    () => edge.totals.refusedTickets,
  );
}
