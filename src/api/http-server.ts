import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyServerFactory, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { Timers } from '../clock.ts';
import type { CertificateSource } from '../config/certificates.ts';
import { messageOf, systemCode, TollcastError } from '../errors.ts';
import { HttpAdmission, type HttpLimits } from './http-limits.ts';
import type { Metrics } from './metrics.ts';
import { type Refused, refuse } from './raw-answer.ts';
import { securityHeaders } from './security-headers.ts';

/** Nobody sends a body here. */
const MAX_BODY_BYTES = 16_384;

/** How long whoever is slow may take. */
export interface HttpTimeouts {
  /** For a TLS handshake, for a request's headers, and for all of it, each from its beginning. */
  readonly requestTimeoutMs: number;
  /** For reading the answer. */
  readonly responseTimeoutMs: number;
  /** Between requests on one connection. */
  readonly idleTimeoutMs: number;
}

/** How late it is noticed that a request takes too long. */
const TIMEOUT_CHECK_MS = 500;

export interface HttpServerPorts {
  /** Undefined where another server of this process shows them. */
  readonly metrics: Metrics | undefined;
  readonly log: Logger;
  /** Origins, besides the server's own, whose pages may read answers and open sockets. */
  readonly allowedOrigins: readonly string[];
  readonly timeouts: HttpTimeouts;
  readonly timers: Timers;
  readonly tls?: CertificateSource;
  /** Why this process is not ready; undefined if it is. */
  notReady(): string | undefined;
}

/** An HTTP server, and what is counted of whom it has. */
export interface HttpServer {
  readonly app: FastifyInstance;
  readonly admission: HttpAdmission;
}

/** What every role answers over HTTP: whether it lives, whether it is ready, its metrics. Others add their routes. */
export function httpServer(
  { metrics, log, allowedOrigins, timeouts, timers, tls, notReady }: HttpServerPorts,
  limits: HttpLimits,
): HttpServer {
  // Where it listens is said by whoever knows what for.
  const loggerInstance: FastifyBaseLogger = log.child({}, { level: 'warn' });
  const serverFactory: FastifyServerFactory = (handler) => {
    const options = {
      // What Node would answer by itself is answered here, as everything is.
      requireHostHeader: false,
      headersTimeout: timeouts.requestTimeoutMs,
      requestTimeout: timeouts.requestTimeoutMs,
      keepAliveTimeout: timeouts.idleTimeoutMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    };
    const handshakeTimeout = timeouts.requestTimeoutMs;
    const server =
      tls === undefined
        ? createHttpServer(options, handler)
        : createHttpsServer({ ...options, handshakeTimeout, cert: tls.cert, key: tls.key }, handler);
    if (server instanceof HttpsServer) tls?.follow(server);
    server.on('checkExpectation', handler);
    return server;
  };
  const logController = new LogController({ disableRequestLogging: true });
  const secure = securityHeaders({ isTls: tls !== undefined });
  const app = Fastify({
    loggerInstance,
    serverFactory,
    logController,
    bodyLimit: MAX_BODY_BYTES,
    clientErrorHandler: ({ code }, socket) => {
      if (code === 'ERR_HTTP_REQUEST_TIMEOUT') admission.countRefused('request-timeout');
      const refused = clientErrorOf(code);
      if (refused !== undefined && socket.writable) refuse(socket, refused, secure);
      else socket.destroy();
    },
    // A path that cannot be decoded comes by no hook.
    frameworkErrors: ({ message }, _, { raw }) => {
      raw.writeHead(400, { ...secure, 'content-type': 'application/json' }).end(JSON.stringify({ code: 'bad-request', message }));
    },
  });
  const admission = new HttpAdmission(app.server, limits, timers);

  allowOrigins(app, allowedOrigins);
  app.addHook('onRequest', async ({ raw }, reply) => {
    const refused = admission.ofRequest(raw);
    if (refused !== undefined) {
      const { status, ...body } = refused;
      return reply.code(status).header('connection', 'close').send(body);
    }
    const cancel = timers.after(timeouts.responseTimeoutMs, () => {
      admission.countRefused('response-timeout');
      raw.socket.destroy();
    });
    reply.raw.once('close', cancel);
  });
  // A route that says something else itself is left to say it.
  app.addHook('onSend', async (_, reply) => {
    for (const [name, value] of Object.entries(secure)) if (!reply.hasHeader(name)) reply.header(name, value);
  });
  app.addHook('onRequest', async ({ headers, raw: { httpVersion } }) => {
    // RFC 9112, section 3.2.
    if (headers.host === undefined && httpVersion === '1.1')
      throw new TollcastError('bad-request', 'a request has a Host header');
  });
  app.setNotFoundHandler((_, reply) => reply.code(404).send({ code: 'not-found', message: 'there is nothing here' }));
  app.setErrorHandler((error, _, reply) => {
    if (error instanceof TollcastError)
      return reply.code(error.code === 'unauthorized' ? 401 : 400).send({ code: error.code, message: error.message });
    const refused = refusalOf(error);
    if (refused !== undefined) return reply.code(refused.status).send({ code: 'bad-request', message: refused.message });
    log.error({ err: error }, 'a request failed');
    return reply.code(500).send({ code: 'internal', message: 'that went wrong here; the log says more' });
  });

  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_, reply) => {
    const reason = notReady();
    return reason === undefined ? { status: 'ready' } : reply.code(503).send({ status: 'not-ready', message: reason });
  });
  if (metrics !== undefined)
    app.get('/metrics', async (_, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()));
  return { app, admission };
}

/** What to say to whoever sent what is no request; undefined where nothing can be said, as after half a TLS handshake. */
function clientErrorOf(nodeCode: string | undefined): Refused | undefined {
  if (nodeCode === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, code: 'request-timeout', message: 'the request took too long to come' };
  if (nodeCode === 'HPE_HEADER_OVERFLOW')
    return { status: 431, code: 'bad-request', message: 'the headers of the request are too long' };
  return nodeCode?.startsWith('HPE_') ? { status: 400, code: 'bad-request', message: 'that is no HTTP request' } : undefined;
}

/** What is wrong with a request that never reached its route, such as a body that is too long. */
function refusalOf(error: unknown): { status: number; message: string } | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  return error.statusCode >= 400 && error.statusCode < 500 ? { status: error.statusCode, message: error.message } : undefined;
}

/** CORS for pages that embed the player: they read the programs' prices. Nothing here works by cookies, so nothing else is at stake. */
function allowOrigins(app: FastifyInstance, allowedOrigins: readonly string[]): void {
  app.addHook('onRequest', async ({ headers: { origin } }, reply) => {
    reply.header('vary', 'origin');
    if (origin !== undefined && allowedOrigins.includes(origin)) reply.header('access-control-allow-origin', origin);
  });
}

export interface Listening {
  readonly host: string;
  readonly port: number;
  /** Where the port is chosen. */
  readonly setting: string;
  /** Other threads of this process listen there too, and the kernel spreads connections over them. */
  readonly isShared?: boolean;
}

/** @throws TollcastError `port-in-use`, `listen-failed` */
export async function listenHttp(app: FastifyInstance, { host, port, setting, isShared = false }: Listening): Promise<void> {
  const options = { host, port, ...(isShared && { reusePort: true, exclusive: true }) };
  try {
    await app.listen(options);
  } catch (error) {
    throw listenError(error, { host, port, setting });
  }
}

export const listenError = (error: unknown, { host, port, setting }: Listening): TollcastError =>
  systemCode(error) === 'EADDRINUSE'
    ? new TollcastError('port-in-use', `HTTP port ${port} on ${host} is in use: free it, or choose another with ${setting}`)
    : new TollcastError('listen-failed', `cannot listen for HTTP on ${host} port ${port}: ${messageOf(error)}`);
