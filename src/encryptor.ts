import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { EncryptorConfig } from './config/deployments.ts';
import { RemoteKeySource } from './encryptor/remote-key-source.ts';
import { messageOf, TollcastError } from './errors.ts';
import { busRole } from './roles/bus-role.ts';
import { type EncryptorRole, encryptorRole } from './roles/encryptor-role.ts';
import { type Running, running } from './roles/host.ts';
import { httpRole } from './roles/http-role.ts';

export interface EncryptorServer extends Running, EncryptorRole {
  /** Health and metrics. */
  readonly httpUrl: string;
}

/** How often sockets would be pinged, if it had any. */
const PING_MS = 15_000;

/** Form 1 (DESIGN.md, section 3): the broadcast facility. It requests each epoch's key from the authority, and holds no viewer data. */
export const startEncryptor = (config: EncryptorConfig, log: Logger): Promise<EncryptorServer> =>
  running(log, async (host) => {
    const { clock, timers } = host;
    const { url, encryptor, secretFile, caFile } = config.authority;
    const http = httpRole(host, { ...config, pingMs: PING_MS });
    const bus = await busRole(host, config.nats, { kind: 'encryptor' });
    const ca = caFile === undefined ? {} : { ca: readConfigured(caFile) };
    const keys = await RemoteKeySource.open({
      url,
      encryptor,
      secret: readConfigured(secretFile).toString().trim(),
      ...ca,
      clock,
      timers,
      log,
    });
    host.onClose(() => keys.close());
    const httpUrl = await http.listen([]);
    const role = await encryptorRole(host, { config, bus, keys });
    return { httpUrl, ...role };
  });

function readConfigured(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new TollcastError('config-invalid', `a file that the configuration names cannot be read: ${messageOf(error)}`);
  }
}
