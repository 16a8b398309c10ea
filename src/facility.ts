import type { Logger } from 'pino';
import { localKeySource } from './authority/local-key-source.ts';
import type { DataFolder } from './config/data-folder.ts';
import type { FacilityConfig } from './config/deployments.ts';
import { authorityRole } from './roles/authority-role.ts';
import { busRole } from './roles/bus-role.ts';
import { type EncryptorRole, encryptorRole } from './roles/encryptor-role.ts';
import { type Running, running } from './roles/host.ts';
import { httpRole } from './roles/http-role.ts';

export interface Facility extends Running, EncryptorRole {
  readonly httpUrl: string;
}

/** Form 2 (DESIGN.md, section 3): billing server and broadcast facility are one system; edges are elsewhere. */
export const startFacility = (config: FacilityConfig, data: DataFolder, log: Logger): Promise<Facility> =>
  running(log, async (host) => {
    const http = httpRole(host, { ...config, pingMs: config.viewers.pingMs });
    const toEdges = await busRole(host, config.nats, { kind: 'authority' });
    const media = await busRole(host, config.nats, { kind: 'encryptor' });
    const { authority, sockets } = await authorityRole(host, { config, data, bus: toEdges, http });
    const httpUrl = await http.listen(sockets);
    const encryptor = await encryptorRole(host, { config, bus: media, keys: localKeySource(authority) });
    host.onClose(() => authority.close());
    return { httpUrl, ...encryptor };
  });
