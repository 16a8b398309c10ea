import { z } from 'zod';
import { WHEN_AT_LIMIT } from '../authority/limits.ts';
import { isBaseUrl } from '../base-url.ts';
import { type KeyRules, scheduleFault } from '../keys/schedule.ts';
import { ISSUER_ALGORITHMS } from '../tokens/token-issuer.ts';
import { AUDIENCE, ISSUER } from '../tokens/viewer-token.ts';
import { isAddressOrNetwork } from '../trusted-proxies.ts';

/** The parts that configurations are made of: one schema is type, check, default and error text. config/*.yaml explain each. */
const port = z.int().min(0).max(65_535);
const ms = (least: number, most: number) => z.int().min(least).max(most);
const count = z.int().min(1).max(10_000_000);
const bytes = z.int().min(1_024).max(1_073_741_824);
/** What viewers put a path behind. */
export const baseUrl = z
  .string()
  .refine(isBaseUrl, 'is not an address such as https://edge1.example, without query and credentials');
const certificate = z.strictObject({ certFile: z.string(), keyFile: z.string() });

export const host = z.string().min(1).default('127.0.0.1');

const notOrigin = 'is not an origin such as https://shop.example';
const origin = z.string().regex(/^https?:\/\/[a-z0-9[][a-z0-9.:\]-]*$/i, notOrigin);
/** As content security policies have them. */
const originPattern = z.string().regex(/^https?:\/\/(\*\.)?[a-z0-9][a-z0-9.-]*(:\d{1,5})?$/i, notOrigin);
const notNetwork = 'is not an address or network such as 10.0.0.7 or 10.0.0.0/8';

const listener = {
  port: port.default(8080),
  tls: certificate.optional(),
  /** Origins, besides the server's own, whose pages may open sockets. */
  allowedOrigins: z.array(origin).default([]),
  maxConnections: count.default(50_000),
  maxConnectionsPerAddress: count.default(2_000),
  maxUnauthenticatedPerAddress: count.default(250),
  /** Reverse proxies whose `X-Forwarded-For` is believed. */
  trustedProxies: z.array(z.string().refine(isAddressOrNetwork, notNetwork)).max(100).default([]),
  requestTimeoutMs: ms(500, 600_000).default(10_000),
  responseTimeoutMs: ms(500, 3_600_000).default(60_000),
  idleTimeoutMs: ms(500, 3_600_000).default(5_000),
};

export const http = z.strictObject(listener).prefault({});
export type HttpConfig = z.infer<typeof http>;

/** Of a server that has the pages. `frameAncestors`: origins whose pages may show the watch page in a frame. */
export const httpWithPages = z
  .strictObject({ ...listener, frameAncestors: z.array(originPattern).max(100).default([]) })
  .prefault({});
export type HttpWithPagesConfig = z.infer<typeof httpWithPages>;

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Keys that came over a line that anybody could write to would let anybody sign. */
const isSafe = (url: string): boolean =>
  URL.canParse(url) && (new URL(url).protocol === 'https:' || LOOPBACK.has(new URL(url).hostname));

const issuer = z
  .strictObject({
    /** Stands before the viewer's name in bills, so it holds nothing that would divide there. */
    issuer: z
      .string()
      .regex(/^[^|\s\p{Cc}]{1,200}$/u, 'is not 1 to 200 characters without spaces and without |')
      .refine((name) => name !== ISSUER, `is how the relay itself signs: choose another than "${ISSUER}"`),
    /** A JWK set (RFC 7517) of public keys: one of the two. */
    jwksFile: z.string().min(1).optional(),
    jwksUrl: z
      .url({ protocol: /^https?$/ })
      .refine(isSafe, 'must be https://, or http:// on this host')
      .optional(),
    algorithms: z
      .array(z.enum(ISSUER_ALGORITHMS))
      .min(1)
      .default([...ISSUER_ALGORITHMS]),
    audience: z.string().min(1).max(256).default(AUDIENCE),
  })
  .refine(({ jwksFile, jwksUrl }) => (jwksFile === undefined) !== (jwksUrl === undefined), 'needs one of jwksFile and jwksUrl');

export const tokens = z
  .strictObject({
    issuers: z
      .array(issuer)
      .max(32)
      .default([])
      .refine((all) => new Set(all.map(({ issuer }) => issuer)).size === all.length, 'has an issuer twice'),
  })
  .prefault({});
export type TokensConfig = z.infer<typeof tokens>;

export const rtmp = z
  .strictObject({
    port: port.default(1935),
    maxMessageBytes: bytes.default(4_194_304),
    maxConnections: count.default(1_000),
    maxConnectionsPerAddress: count.default(32),
    handshakeTimeoutMs: ms(100, 60_000).default(5_000),
    idleTimeoutMs: ms(500, 600_000).default(10_000),
  })
  .prefault({});
export type RtmpConfig = z.infer<typeof rtmp>;

export const rtmps = certificate.extend({ port: port.default(1936) });
export type RtmpsConfig = z.infer<typeof rtmps>;

export const broadcast = z.strictObject({ graceMs: ms(0, 3_600_000).default(15_000) }).prefault({});
export type BroadcastConfig = z.infer<typeof broadcast>;

/** How the edge sends. */
const delivery = {
  maxBatchMs: ms(0, 1_000).default(100),
  maxSocketBytes: bytes.default(4_194_304),
  tooSlowMs: ms(500, 600_000).default(10_000),
};
export type DeliveryConfig = z.infer<z.ZodObject<typeof delivery>>;

/** Where that runs: in the main thread, on the HTTP port, or in threads that share another port. */
const media = {
  mediaThreads: z.int().min(0).max(64).default(0),
  mediaPort: port.default(8081),
  /** Where viewers reach that port, if not where it listens. */
  mediaUrl: baseUrl.optional(),
};

const pingMs = ms(500, 600_000).default(15_000);

/** Whom the authority admits. */
const admission = {
  maxViewings: count.default(20_000),
  maxViewingsPerViewer: count.default(1),
  maxWaiting: count.default(10_000),
  whenAtLimit: z.enum(WHEN_AT_LIMIT).default('newest-wins'),
  ticketLifetimeMs: ms(1_000, 600_000).default(15_000),
};
export type ViewersConfig = z.infer<z.ZodObject<typeof admission>>;

/** Of an authority that is an edge as well, of one that is none, and of an edge. */
export const viewersHere = z.strictObject({ ...admission, ...delivery, ...media, pingMs }).prefault({});
export const viewersAdmitted = z.strictObject({ ...admission, pingMs }).prefault({});
export const viewersServed = z.strictObject({ ...delivery, ...media, pingMs }).prefault({});
export type MediaConfig = z.infer<typeof viewersServed>;

/** Of a configuration: media threads listen on a port of their own. */
export const hasOwnMediaPort = ({ http, viewers }: { readonly http: HttpConfig; readonly viewers: MediaConfig }): boolean =>
  viewers.mediaThreads === 0 || viewers.mediaPort === 0 || viewers.mediaPort !== http.port;
export const notOwnMediaPort = {
  path: ['viewers', 'mediaPort'],
  error: 'is http.port as well, but media threads have a port of their own',
};

export const log = z
  .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info') })
  .prefault({});
export type LogConfig = z.infer<typeof log>;

export type { KeyRules };

export const keys = z
  .strictObject({
    periodMs: ms(1_000, 3_600_000).default(10_000),
    leadMs: ms(50, 600_000).optional(),
    spreadMs: ms(0, 3_000_000).optional(),
    graceMs: ms(0, 600_000).optional(),
    reserveMs: ms(0, 60_000).optional(),
    minAnswerMs: ms(100, 600_000).optional(),
  })
  .transform(
    /** What is not set follows from the period: a fifth to answer, three tenths of spread, four tenths to wait for a keyframe. */
    ({ periodMs, ...set }): KeyRules => ({
      periodMs,
      leadMs: set.leadMs ?? Math.round(periodMs * 0.2),
      spreadMs: set.spreadMs ?? Math.round(periodMs * 0.3),
      graceMs: set.graceMs ?? Math.round(periodMs * 0.4),
      reserveMs: set.reserveMs ?? Math.round(periodMs * 0.1),
      minAnswerMs: set.minAnswerMs ?? Math.min(2_000, Math.round(periodMs * 0.2)),
    }),
  )
  .superRefine((rules, context) => {
    const fault = scheduleFault(rules);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  })
  .prefault({});

/** How to reach NATS, with the credential of each role in this process. */
export const nats = <Role extends string>(...roles: readonly Role[]) =>
  z.strictObject({
    /** `nats://host:port` or `tls://host:port` */
    servers: z.array(z.string().min(1)).min(1),
    /** A file for each role, as `tollcast credentials nats` wrote them. */
    seedFiles: z.strictObject(Object.fromEntries(roles.map((role) => [role, z.string()])) as Record<Role, z.ZodString>),
    tls: z.strictObject({ caFile: z.string() }).optional(),
  });

export interface NatsConfig<Role extends string> {
  readonly servers: readonly string[];
  readonly seedFiles: Readonly<Record<Role, string>>;
  readonly tls?: { readonly caFile: string } | undefined;
}
