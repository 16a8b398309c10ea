import type { Logger } from 'pino';
import type { DataFolder } from './config/data-folder.ts';
import type { AuthorityConfig } from './config/deployments.ts';
import { authorityRole } from './roles/authority-role.ts';
import { busRole } from './roles/bus-role.ts';
import { type Running, running } from './roles/host.ts';
import { httpRole } from './roles/http-role.ts';

export interface AuthorityServer extends Running {
  /** Where viewers, encryptors and operators reach it. */
  readonly httpUrl: string;
}

/** Form 1 (DESIGN.md, section 3): the billing server. Encryptors and edges are elsewhere, and no media comes here. */
export const startAuthority = (config: AuthorityConfig, data: DataFolder, log: Logger): Promise<AuthorityServer> =>
  running(log, async (host) => {
    const http = httpRole(host, { ...config, pingMs: config.viewers.pingMs });
    const bus = await busRole(host, config.nats, { kind: 'authority' });
    const { authority, sockets, encryptorSockets } = await authorityRole(host, { config, data, bus, http });
    const httpUrl = await http.listen([...sockets, ...encryptorSockets]);
    host.onClose(() => authority.close());
    return { httpUrl };
  });
