import { setTimeout as wait } from 'node:timers/promises';
import { type ConnectionOptions, credsAuthenticator, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node';
import { backOffMs } from '../back-off.ts';
import { readConfigured } from '../configured-file.ts';
import { messageOf, TollcastError } from '../errors.ts';
import { dial } from './nats-dial.ts';
import { inboxOf } from './nats-subjects.ts';

export type NatsRole =
  | { readonly kind: 'authority' }
  | { readonly kind: 'encryptor' }
  | { readonly kind: 'edge'; readonly edge: string };

export interface NatsServers {
  /** `nats://host:port`, or `tls://host:port`, which will not do without TLS. */
  readonly servers: readonly string[];
  /** The credential: a file with an NKey seed, as `tollcast credentials nats` writes them, or a NATS `.creds` file. */
  readonly seedFile: string;
  /** TLS is demanded. `caFile`: the certificates of the server's CA, PEM, where the system does not know it. */
  readonly tls?: { readonly caFile?: string } | undefined;
  readonly role: NatsRole;
}

/** How long the first connection may take: NATS and its clients may be started at once. */
const FIRST_CONNECTION_MS = 5_000;
const FIRST_BACK_OFF = { firstMs: 100, mostMs: 1_000 };
/** Of a connection that was lost. The picture is gone meanwhile. */
const RECONNECT_BACK_OFF = { firstMs: 100, mostMs: 5_000 };
/** A server that does not answer two of these is taken for dead: TCP alone would wait for many minutes. */
const PING_MS = 2_000;
const PINGS_UNANSWERED = 2;

/** A connection that comes back by itself, for ever. `attempts` counts those since the last one that succeeded. */
export interface Connected {
  readonly connection: NatsConnection;
  /** To be told of each attempt to reconnect (`reconnecting`), and of success. */
  readonly attempts: { count: number };
}

/**
 * The first connection; tried again for a few seconds where nobody listens yet, and no longer, whatever it is that listens.
 * @throws TollcastError `nats-unreachable`, `nats-refused`, `nats-tls`, `config-invalid`
 */
export async function connectNats(options: NatsServers): Promise<Connected> {
  const attempts = { count: 0 };
  const settings = settingsOf(options, attempts);
  const untilMs = performance.now() + FIRST_CONNECTION_MS;
  for (let attempt = 0; ; attempt++) {
    try {
      return { connection: await dial(settings, Math.max(1, untilMs - performance.now())), attempts };
    } catch (error) {
      const fault = faultOf(error, options);
      const waitMs = backOffMs(attempt, Math.random(), FIRST_BACK_OFF);
      if (fault.code !== 'nats-unreachable' || performance.now() + waitMs >= untilMs) throw fault;
      await wait(waitMs);
    }
  }
}

function settingsOf({ servers, seedFile, tls, role }: NatsServers, attempts: { count: number }): ConnectionOptions {
  const demandsTls = tls !== undefined || servers.some((server) => server.startsWith('tls://'));
  const ca = tls?.caFile === undefined ? undefined : readConfigured(tls.caFile, 'that NATS is reached with').toString();
  return {
    servers: [...servers],
    authenticator: authenticator(seedFile),
    name: role.kind === 'edge' ? `tollcast edge ${role.edge}` : `tollcast ${role.kind}`,
    ...(role.kind === 'edge' ? { inboxPrefix: inboxOf(role.edge) } : {}),
    ...(demandsTls ? { tls: ca === undefined ? {} : { ca } } : {}),
    maxReconnectAttempts: -1,
    // A credential that is refused may be put right at the server.
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () => backOffMs(attempts.count, Math.random(), RECONNECT_BACK_OFF),
    pingInterval: PING_MS,
    maxPingOut: PINGS_UNANSWERED,
    noAsyncTraces: true,
  };
}

function authenticator(seedFile: string) {
  const content = readConfigured(seedFile, 'that NATS is reached with');
  if (content.includes('BEGIN NATS USER JWT')) return credsAuthenticator(content);
  const seed = content.toString().trim();
  if (!/^SU[A-Z2-7]{56}$/.test(seed))
    throw new TollcastError('config-invalid', `${seedFile} does not hold a seed as tollcast credentials nats writes them`);
  return nkeyAuthenticator(Buffer.from(seed));
}

function faultOf(error: unknown, { servers, seedFile }: NatsServers): TollcastError {
  const where = servers.join(', ');
  const message = messageOf(error);
  if (/authori[sz]ation|authentication/i.test(message))
    return new TollcastError(
      'nats-refused',
      `NATS at ${where} refuses the credential in ${seedFile}: it was revoked, or the server has not loaded the nats.conf that was written with it`,
      { cause: error },
    );
  // The client's word for a server whose greeting has no TLS in it.
  if (/does not support 'tls'/.test(message))
    return new TollcastError(
      'nats-tls',
      `NATS at ${where} does not offer TLS: have tollcast credentials nats give it a certificate by --tls-cert and --tls-key, or do without tls:// and nats.tls`,
      { cause: error },
    );
  if (/tls|certificate|self.signed|altname/i.test(message))
    return new TollcastError('nats-tls', `no TLS with NATS at ${where}: ${message}: set tls.caFile to its CA's certificates`, {
      cause: error,
    });
  return new TollcastError(
    'nats-unreachable',
    `NATS cannot be reached at ${where} (${message || 'no answer'}): start nats-server, or correct nats.servers`,
    { cause: error },
  );
}
