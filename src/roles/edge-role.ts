import type { SocketRoute } from '../api/upgrade.ts';
import type { Bus } from '../bus/bus.ts';
import type { DeliveryConfig } from '../config/sections.ts';
import { Edge, type EdgeOptions } from '../edge/edge.ts';
import { mediaPath, mediaRoute } from '../edge/media-route.ts';
import { CACHE_LIMITS } from '../media/keyframe-cache.ts';
import { type EdgeFigures, measureEdge } from './edge-metrics.ts';
import type { Host } from './host.ts';
import type { HttpRole } from './http-role.ts';

/** Within an epoch; what an interrupted viewing may lose is at most this. */
const SERVED_REPORT_MS = 2_000;

export interface EdgeRole {
  readonly sockets: readonly (readonly [RegExp, SocketRoute])[];
  /** From here on viewers are sent here. `url`: where they reach it; empty beside the authority. */
  announce(url: string): void;
  readonly figures: EdgeFigures;
}

export interface EdgePorts {
  readonly config: DeliveryConfig;
  readonly bus: Bus;
  readonly http: HttpRole;
  /** Names it among the edges. */
  readonly edge: string;
  /** How long a ticket that is not known is waited for: where the authority is elsewhere, the viewer may be here first. */
  readonly ticketWaitMs?: number;
  /** Of a thread: see EdgeOptions. */
  readonly claim?: EdgeOptions['claim'];
}

/** Carries sealed chunks to viewers whose gate is open (DESIGN.md, section 3). */
export function edgeRole(host: Host, { config, bus, http, edge, ticketWaitMs = 0, claim }: EdgePorts): EdgeRole {
  const { clock, timers } = host;
  const carrier = new Edge({
    edge,
    clock,
    timers,
    bus,
    ticketWaitMs,
    ...(claim === undefined ? {} : { claim }),
    limits: { ...config, servedReportMs: SERVED_REPORT_MS, joinCache: CACHE_LIMITS },
  });
  host.onClose(() => carrier.close());
  measureEdge(host, carrier);
  return {
    sockets: [[mediaPath, mediaRoute(carrier, http.heartbeat)]],
    announce: (url) => carrier.announce(url),
    figures: carrier,
  };
}
