import type { z } from 'zod';
import type { NatsRole } from '../bus/nats-connect.ts';
import type { CertificateFiles } from '../config/certificates.ts';
import { AuthorityConfig, EdgeConfig, EncryptorConfig, FacilityConfig } from '../config/deployments.ts';
import { RelayConfig } from '../config/relay-config.ts';
import type { MediaConfig, NatsConfig, RtmpConfig, RtmpsConfig } from '../config/sections.ts';
import { unreachable } from '../errors.ts';
import type { IssuerConfig } from '../tokens/token-issuer.ts';

/** By the commands that run them, but for `relay`, which `serve` runs. */
export const ROLES = ['relay', 'facility', 'authority', 'encryptor', 'edge'] as const;
export type Role = (typeof ROLES)[number];

/** What the checks look at of a process's configuration, whichever role it has. */
export interface Site {
  readonly role: Role;
  readonly host: string;
  readonly http: { readonly port: number; readonly tls?: CertificateFiles | undefined };
  readonly rtmp?: RtmpConfig;
  readonly rtmps?: RtmpsConfig;
  /** Where it keeps a ledger. */
  readonly data?: string;
  readonly keyPeriodMs?: number;
  readonly maxViewings?: number;
  readonly issuers: readonly IssuerConfig[];
  readonly nats?: NatsConfig<string>;
  readonly natsRoles: readonly NatsRole[];
  /** Of an encryptor elsewhere. */
  readonly authority?: EncryptorConfig['authority'];
  readonly publicUrl?: string;
  /** That media threads share. */
  readonly mediaPort?: number;
}

/** @throws TollcastError `config-invalid` */
export function siteOf(role: Role, data: string, load: <T>(schema: z.ZodType<T>) => T): Site {
  switch (role) {
    case 'relay':
      return withLedger(role, data, load(RelayConfig));
    case 'facility':
      return withLedger(role, data, load(FacilityConfig));
    case 'authority':
      return withLedger(role, data, load(AuthorityConfig));
    case 'encryptor': {
      const { host, http, rtmp, rtmps, authority, nats } = load(EncryptorConfig);
      return {
        role,
        host,
        http,
        rtmp,
        ...(rtmps && { rtmps }),
        authority,
        nats,
        natsRoles: [{ kind: 'encryptor' }],
        issuers: [],
      };
    }
    case 'edge': {
      const { host, http, publicUrl, viewers, edge, nats } = load(EdgeConfig);
      return {
        role,
        host,
        http,
        ...(publicUrl && { publicUrl }),
        ...mediaPortOf(viewers),
        nats,
        natsRoles: [{ kind: 'edge', edge }],
        issuers: [],
      };
    }
    default:
      return unreachable(role);
  }
}

function withLedger(role: Role, data: string, config: RelayConfig | FacilityConfig | AuthorityConfig): Site {
  const { host, http, keys, viewers, tokens, nats } = config;
  const natsRoles: NatsRole[] = role === 'authority' ? [{ kind: 'authority' }] : [{ kind: 'authority' }, { kind: 'encryptor' }];
  return {
    role,
    host,
    http,
    ...('rtmp' in config && { rtmp: config.rtmp, ...(config.rtmps && { rtmps: config.rtmps }) }),
    data,
    keyPeriodMs: keys.periodMs,
    maxViewings: viewers.maxViewings,
    ...('mediaThreads' in viewers && mediaPortOf(viewers)),
    issuers: tokens.issuers,
    ...(nats && { nats }),
    natsRoles,
  };
}

const mediaPortOf = ({ mediaThreads, mediaPort }: MediaConfig): Pick<Site, 'mediaPort'> =>
  mediaThreads === 0 ? {} : { mediaPort };

/** Of a relay's `viewers`, and of no facility's, which has no edge. */
const DELIVERY = ['maxBatchMs', 'maxSocketBytes', 'tooSlowMs', 'mediaThreads', 'mediaPort', 'mediaUrl'];

/**
 * The role that a configuration is of, by what only that one has. Undefined where it may be a facility's as well as a relay's with
 * further edges.
 */
export function roleIn(config: unknown): Role | undefined {
  const has = (name: string, of: unknown = config): boolean => typeof of === 'object' && of !== null && name in of;
  const field = (name: string, of: unknown = config): unknown =>
    has(name, of) ? (of as Record<string, unknown>)[name] : undefined;
  if (has('edge')) return 'edge';
  if (has('authority')) return 'encryptor';
  const seedFiles = field('seedFiles', field('nats'));
  if (seedFiles === undefined) return 'relay';
  if (!has('encryptor', seedFiles)) return 'authority';
  return DELIVERY.some((name) => has(name, field('viewers'))) ? 'relay' : undefined;
}
