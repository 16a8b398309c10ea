import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyServerFactory, LogController } from 'fastify';
import type { Logger } from 'pino';
import { messageOf, systemCode, TollcastError } from '../errors.ts';
import type { Metrics } from './metrics.ts';

/** Nobody sends a body here. */
const MAX_BODY_BYTES = 16_384;

export interface HttpServerPorts {
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Origins, besides the server's own, whose pages may read answers and open sockets. */
  readonly allowedOrigins: readonly string[];
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  /** Why this process is not ready; undefined if it is. */
  notReady(): string | undefined;
}

/** What every role answers over HTTP: whether it lives, whether it is ready, its metrics. Others add their routes. */
export function httpServer({ metrics, log, allowedOrigins, tls, notReady }: HttpServerPorts): FastifyInstance {
  // Where it listens is said by whoever knows what for.
  const loggerInstance: FastifyBaseLogger = log.child({}, { level: 'warn' });
  const serverFactory: FastifyServerFactory = (handler) =>
    tls === undefined ? createHttpServer(handler) : createHttpsServer(tls, handler);
  const logController = new LogController({ disableRequestLogging: true });
  const app = Fastify({ loggerInstance, serverFactory, logController, bodyLimit: MAX_BODY_BYTES });

  allowOrigins(app, allowedOrigins);
  app.setNotFoundHandler((_, reply) => reply.code(404).send({ code: 'not-found', message: 'there is nothing here' }));
  app.setErrorHandler((error, _, reply) => {
    if (error instanceof TollcastError)
      return reply.code(error.code === 'unauthorized' ? 401 : 400).send({ code: error.code, message: error.message });
    log.error({ err: error }, 'a request failed');
    return reply.code(500).send({ code: 'internal', message: 'that went wrong here; the log says more' });
  });

  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_, reply) => {
    const reason = notReady();
    return reason === undefined ? { status: 'ready' } : reply.code(503).send({ status: 'not-ready', message: reason });
  });
  app.get('/metrics', async (_, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()));
  return app;
}

/** CORS for pages that embed the player: they read the programs' prices. Nothing here works by cookies, so nothing else is at stake. */
function allowOrigins(app: FastifyInstance, allowedOrigins: readonly string[]): void {
  app.addHook('onRequest', async ({ headers: { origin } }, reply) => {
    reply.header('vary', 'origin');
    if (origin !== undefined && allowedOrigins.includes(origin)) reply.header('access-control-allow-origin', origin);
  });
}

/** @throws TollcastError `port-in-use`, `listen-failed` */
export async function listenHttp(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if (systemCode(error) === 'EADDRINUSE')
      throw new TollcastError(
        'port-in-use',
        `HTTP port ${port} on ${host} is in use: free it, or choose another with --http-port`,
      );
    throw new TollcastError('listen-failed', `cannot listen for HTTP on ${host} port ${port}: ${messageOf(error)}`);
  }
}
