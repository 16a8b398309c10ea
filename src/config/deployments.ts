import { z } from 'zod';
import {
  baseUrl,
  broadcast,
  hasOwnMediaPort,
  host,
  http,
  httpWithPages,
  keys,
  log,
  nats,
  notOwnMediaPort,
  rtmp,
  rtmps,
  tokens,
  viewersAdmitted,
  viewersServed,
} from './sections.ts';

/** How the parts of a deployment that is spread over hosts are set up: config/facility.yaml, authority.yaml, encryptor.yaml, edge.yaml. */

/** Form 2: encryptor and authority; edges elsewhere. */
export const FacilityConfig = z.strictObject({
  host,
  http: httpWithPages,
  rtmp,
  rtmps: rtmps.optional(),
  broadcast,
  keys,
  viewers: viewersAdmitted,
  tokens,
  nats: nats('authority', 'encryptor'),
  log,
});
export type FacilityConfig = z.infer<typeof FacilityConfig>;

/** Form 1: the billing server. */
export const AuthorityConfig = z.strictObject({
  host,
  http: httpWithPages,
  keys,
  viewers: viewersAdmitted,
  tokens,
  nats: nats('authority'),
  log,
});
export type AuthorityConfig = z.infer<typeof AuthorityConfig>;

/** Form 1: the broadcast facility. */
export const EncryptorConfig = z.strictObject({
  host,
  http,
  rtmp,
  rtmps: rtmps.optional(),
  broadcast,
  authority: z.strictObject({
    /** ws:// or wss:// */
    url: z.url({ protocol: /^wss?$/, error: 'must begin with ws:// or wss://, such as wss://video.example' }),
    /** As `tollcast credentials encryptor add` named it. */
    encryptor: z.string(),
    secretFile: z.string(),
    /** Certificates of the authority's CA, PEM, where the system does not know it. */
    caFile: z.string().optional(),
  }),
  nats: nats('encryptor'),
  log,
});
export type EncryptorConfig = z.infer<typeof EncryptorConfig>;

/** Forms 1 and 2: what viewers get their media from. */
export const EdgeConfig = z
  .strictObject({
    host,
    http,
    /** Names it among the edges; `tollcast credentials nats --edge` gave it a credential by that name. */
    edge: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
    /** Where viewers reach it, if not where it listens. */
    publicUrl: baseUrl.optional(),
    viewers: viewersServed,
    nats: nats('edge'),
    log,
  })
  .refine(hasOwnMediaPort, notOwnMediaPort);
export type EdgeConfig = z.infer<typeof EdgeConfig>;
