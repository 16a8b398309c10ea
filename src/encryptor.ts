import type { Logger } from 'pino';
import type { EncryptorConfig } from './config/deployments.ts';
import { readConfigured } from './configured-file.ts';
import { RemoteKeySource } from './encryptor/remote-key-source.ts';
import { TollcastError } from './errors.ts';
import { isSecret } from './keys/secret-proof.ts';
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
    const { clock, timers, metrics } = host;
    const { url, encryptor, secretFile, caFile } = config.authority;
    const secret = readSecret(secretFile);
    const ca = caFile === undefined ? {} : { ca: readConfigured(caFile, 'that the configuration names') };
    const http = httpRole(host, { ...config, pingMs: PING_MS });
    const bus = await busRole(host, config.nats, { kind: 'encryptor' });
    const keys = await RemoteKeySource.open({ url, encryptor, secret, ...ca, clock, timers, log });
    host.onClose(() => keys.close());
    host.onReadiness(() => keys.refusal?.message);
    metrics.gauge('tollcast_authority_connected', '1 while there is a connection to the authority', () =>
      keys.isConnected ? 1 : 0,
    );
    metrics.gauge(
      'tollcast_encryptor_waiting_reports',
      'Reports that the authority has not heard yet',
      () => keys.outstandingReports,
    );
    metrics.gauge(
      'tollcast_encryptor_unanswered_stream_keys',
      "Broadcasters that wait for the authority's word on their stream key",
      () => keys.unansweredStreamKeys,
    );
    const httpUrl = await http.listen([]);
    const role = await encryptorRole(host, { config, bus, keys });
    return { httpUrl, ...role };
  });

function readSecret(file: string): string {
  const secret = readConfigured(file, 'that the configuration names').toString().trim();
  if (isSecret(secret)) return secret;
  const what = secret === '' ? 'is empty' : 'holds no secret of an encryptor';
  throw new TollcastError(
    'config-invalid',
    `authority.secretFile: ${file} ${what}; tollcast credentials encryptor add shows one, of 43 characters`,
  );
}
