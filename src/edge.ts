import type { Logger } from 'pino';
import { reachableUrl } from './base-url.ts';
import type { EdgeConfig } from './config/deployments.ts';
import { busRole } from './roles/bus-role.ts';
import { type Running, running } from './roles/host.ts';
import { httpRole } from './roles/http-role.ts';
import { mediaRole } from './roles/media-role.ts';

export interface EdgeServer extends Running {
  /** Where viewers are sent. */
  readonly publicUrl: string;
  /** Where operators reach it, if not there. */
  readonly httpUrl: string | undefined;
}

/** What a ticket may take over NATS, longer than what its viewer takes. */
const TICKET_WAIT_MS = 1_000;

/** An edge of its own, for forms 1 and 2 (DESIGN.md, section 3): sealed chunks and gates come over NATS, and no key ever. */
export const startEdge = (config: EdgeConfig, log: Logger): Promise<EdgeServer> =>
  running(log, async (host) => {
    const http = httpRole(host, { ...config, pingMs: config.viewers.pingMs });
    const bus = await busRole(host, config.nats, { kind: 'edge', edge: config.edge });
    const media = await mediaRole(host, { config, bus, http, edge: config.edge, ticketWaitMs: TICKET_WAIT_MS });
    const httpUrl = await http.listen(media.sockets);
    const publicUrl = media.url ?? reachableUrl('publicUrl', config.publicUrl, httpUrl);
    media.announce(publicUrl);
    return { publicUrl, httpUrl: media.url === undefined ? undefined : httpUrl };
  });
