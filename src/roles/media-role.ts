import type { SocketRoute } from '../api/upgrade.ts';
import { reachableUrl } from '../base-url.ts';
import type { Bus } from '../bus/bus.ts';
import type { HttpConfig, MediaConfig } from '../config/sections.ts';
import { MediaThreads } from '../threads/media-threads.ts';
import { ThreadedEdge } from '../threads/threaded-edge.ts';
import { measureEdge } from './edge-metrics.ts';
import { edgeRole } from './edge-role.ts';
import type { Host } from './host.ts';
import type { HttpRole } from './http-role.ts';

export interface MediaRole {
  /** For the HTTP port of the process; none where media has a port of its own. */
  readonly sockets: readonly (readonly [RegExp, SocketRoute])[];
  /** Where viewers get their media, if not from that port. */
  readonly url: string | undefined;
  /** From here on viewers are sent here. `url`: where they reach it; empty beside the authority. */
  announce(url: string): void;
}

export interface MediaPorts {
  readonly config: { readonly host: string; readonly http: HttpConfig; readonly viewers: MediaConfig };
  readonly bus: Bus;
  readonly http: HttpRole;
  /** Names it among the edges. */
  readonly edge: string;
  /** See EdgePorts. */
  readonly ticketWaitMs?: number;
}

/**
 * An edge, in the main thread or, with `viewers.mediaThreads`, in as many others, which share a port. Resolves once they listen.
 * @throws TollcastError `port-in-use`, `listen-failed`, `config-invalid`
 */
export async function mediaRole(host: Host, { config, bus, http, edge, ticketWaitMs = 0 }: MediaPorts): Promise<MediaRole> {
  const { clock, timers, log } = host;
  const { mediaThreads, mediaPort, mediaUrl, pingMs, ...delivery } = config.viewers;
  if (mediaThreads === 0) {
    const { sockets, announce } = edgeRole(host, { config: delivery, bus, http, edge, ticketWaitMs });
    return { sockets, url: undefined, announce };
  }
  const carrier = new ThreadedEdge({ edge, clock, timers, bus, ticketWaitMs });
  const { maxBatchMs, maxSocketBytes, tooSlowMs } = delivery;
  const threads = await MediaThreads.start({
    threads: mediaThreads,
    settings: {
      anchor: clock.anchor,
      host: config.host,
      http: { ...config.http, port: mediaPort },
      delivery: { maxBatchMs, maxSocketBytes, tooSlowMs },
      pingMs,
      logLevel: log.level,
    },
    tls: http.tls,
    edge: carrier,
    clock,
    timers,
    log,
  });
  host.onClose(async () => {
    await carrier.close();
    await threads.leave();
  });
  http.beside(threads);
  host.onReadiness(() => threads.notReady());
  measureEdge(host, figuresOf(carrier, threads));
  const url = reachableUrl('viewers.mediaUrl', mediaUrl, threads.url);
  return { sockets: [], url, announce: (announced) => carrier.announce(announced) };
}

const figuresOf = (carrier: ThreadedEdge, threads: MediaThreads) => ({
  get viewings() {
    return carrier.viewings;
  },
  get programs() {
    return carrier.programs;
  },
  get totals() {
    const { sentBytes, droppedChunks, refusedTickets } = threads.figures;
    const { mends, tickets } = carrier;
    return { sentBytes, droppedChunks, mends, refusedTickets: refusedTickets + tickets.refused };
  },
  get backlog() {
    const { backlog } = threads.figures;
    return { ...backlog, waitingChunks: backlog.waitingChunks + carrier.waitingChunks };
  },
  get batchMs() {
    return threads.figures.batchMs;
  },
  get tickets() {
    return carrier.tickets;
  },
});
