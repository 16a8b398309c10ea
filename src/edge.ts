import type { Logger } from 'pino';
import type { EdgeConfig } from './config/deployments.ts';
import { TollcastError } from './errors.ts';
import { busRole } from './roles/bus-role.ts';
import { edgeRole } from './roles/edge-role.ts';
import { type Running, running } from './roles/host.ts';
import { httpRole } from './roles/http-role.ts';

export interface EdgeServer extends Running {
  /** Where viewers are sent. */
  readonly publicUrl: string;
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '[::]']);
/** What a ticket may take over NATS, longer than what its viewer takes. */
const TICKET_WAIT_MS = 1_000;

/** An edge of its own, for forms 1 and 2 (DESIGN.md, section 3): sealed chunks and gates come over NATS, and no key ever. */
export const startEdge = (config: EdgeConfig, log: Logger): Promise<EdgeServer> =>
  running(log, async (host) => {
    const http = httpRole(host, { ...config, pingMs: config.viewers.pingMs });
    const bus = await busRole(host, config.nats, { kind: 'edge', edge: config.edge });
    const edge = edgeRole(host, { config: config.viewers, bus, http, edge: config.edge, ticketWaitMs: TICKET_WAIT_MS });
    const httpUrl = await http.listen(edge.sockets);
    const publicUrl = (config.publicUrl ?? reachable(httpUrl)).replace(/\/+$/, '');
    edge.announce(publicUrl);
    return { publicUrl };
  });

/** @throws TollcastError `config-invalid` */
function reachable(httpUrl: string): string {
  if (!EVERY_ADDRESS.has(new URL(httpUrl).hostname)) return httpUrl;
  throw new TollcastError(
    'config-invalid',
    'publicUrl is missing: where an edge listens at every address, it must be told at which of them viewers reach it',
  );
}
