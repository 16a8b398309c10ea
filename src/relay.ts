import type { Logger } from 'pino';
import { localKeySource } from './authority/local-key-source.ts';
import type { Bus } from './bus/bus.ts';
import { joinedBus } from './bus/joined-bus.ts';
import { localBus } from './bus/local-bus.ts';
import type { DataFolder } from './config/data-folder.ts';
import type { RelayConfig } from './config/relay-config.ts';
import { authorityRole } from './roles/authority-role.ts';
import { busRole } from './roles/bus-role.ts';
import { type EncryptorRole, encryptorRole } from './roles/encryptor-role.ts';
import { type Host, type Running, running } from './roles/host.ts';
import { httpRole } from './roles/http-role.ts';
import { mediaRole } from './roles/media-role.ts';

export interface Relay extends Running, EncryptorRole {
  /** Where viewers and operators reach it. */
  readonly httpUrl: string;
  /** Where viewers are sent for media, if not there. */
  readonly mediaUrl: string | undefined;
}

/** The relay's own edge, in whose name no edge elsewhere is heard (bus/joined-bus.ts). */
const LOCAL_EDGE = 'local';

/** Form 3 (DESIGN.md, section 3): encryptor, authority and edge in one process; with `nats`, further edges elsewhere. Resolves once it listens. */
export const startRelay = (config: RelayConfig, data: DataFolder, log: Logger): Promise<Relay> =>
  running(log, async (host) => {
    const http = httpRole(host, { ...config, pingMs: config.viewers.pingMs });
    const bus = await relayBus(host, config);
    const media = await mediaRole(host, { config, bus, http, edge: LOCAL_EDGE });
    const { authority, sockets } = await authorityRole(host, { config, data, bus, http });
    const httpUrl = await http.listen([...sockets, ...media.sockets]);
    media.announce(media.url ?? '');
    const encryptor = await encryptorRole(host, { config, bus, keys: localKeySource(authority) });
    host.onClose(() => authority.close());
    return { httpUrl, mediaUrl: media.url, ...encryptor };
  });

async function relayBus(host: Host, { nats }: RelayConfig): Promise<Bus> {
  const local = localBus();
  if (nats === undefined) return local;
  // Its own edge goes on serving without NATS.
  const authority = await busRole(host, nats, { kind: 'authority' }, { isVital: false });
  const encryptor = await busRole(host, nats, { kind: 'encryptor' }, { isVital: false });
  return joinedBus({ local, localEdge: LOCAL_EDGE, remote: { authority, encryptor } });
}
