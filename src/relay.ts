import type { Logger } from 'pino';
import { localKeySource } from './authority/local-key-source.ts';
import { localBus } from './bus/local-bus.ts';
import type { DataFolder } from './config/data-folder.ts';
import type { RelayConfig } from './config/relay-config.ts';
import { authorityRole } from './roles/authority-role.ts';
import { edgeRole } from './roles/edge-role.ts';
import { type EncryptorRole, encryptorRole } from './roles/encryptor-role.ts';
import { type Running, running } from './roles/host.ts';
import { httpRole } from './roles/http-role.ts';

export interface Relay extends Running, EncryptorRole {
  /** Where viewers and operators reach it. */
  readonly httpUrl: string;
}

/** Form 3 (DESIGN.md, section 3): encryptor, authority and edge in one process. Resolves once it listens. */
export const startRelay = (config: RelayConfig, data: DataFolder, log: Logger): Promise<Relay> =>
  running(log, async (host) => {
    const bus = localBus();
    const http = httpRole(host, { ...config, pingMs: config.viewers.pingMs });
    const edge = edgeRole(host, { config: config.viewers, bus, http, edge: 'local' });
    const { authority, sockets } = await authorityRole(host, { config, data, bus, http });
    const httpUrl = await http.listen([...sockets, ...edge.sockets]);
    edge.announce('');
    const encryptor = await encryptorRole(host, { config, bus, keys: localKeySource(authority) });
    host.onClose(() => authority.close());
    return { httpUrl, ...encryptor };
  });
