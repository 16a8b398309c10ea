import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { Heartbeat } from '../api/heartbeat.ts';
import { HTTP_REFUSALS } from '../api/http-limits.ts';
import { httpServer, listenHttp } from '../api/http-server.ts';
import { OpenSockets } from '../api/open-sockets.ts';
import { type SocketRoute, serveSockets } from '../api/upgrade.ts';
import { type CertificateFiles, Certificates } from '../config/certificates.ts';
import type { HttpConfig } from '../config/sections.ts';
import type { Host } from './host.ts';

/** How long WebSockets have to close in peace at the end; whatever is open then is cut off. */
const CLOSE_WAIT_MS = 2_000;

/** The HTTP side of a process: its routes and sockets are the other roles'. */
export interface HttpRole {
  readonly app: FastifyInstance;
  readonly heartbeat: Heartbeat;
  /** Takes the sockets of its routes, and listens. @returns the URL */
  listen(sockets: readonly (readonly [RegExp, SocketRoute])[]): Promise<string>;
}

/** @throws TollcastError `config-invalid` where a certificate cannot be used */
export function httpRole(
  host: Host,
  config: { readonly host: string; readonly http: HttpConfig; readonly pingMs: number },
): HttpRole {
  const { metrics, timers, log } = host;
  const tls = config.http.tls === undefined ? undefined : certificates(host, 'http', config.http.tls);
  const { allowedOrigins, port } = config.http;
  const { app, admission } = httpServer(
    {
      metrics,
      log,
      allowedOrigins,
      timeouts: config.http,
      timers,
      ...(tls === undefined ? {} : { tls }),
      notReady: () => host.notReady(),
    },
    config.http,
  );
  const open = new OpenSockets(app.server);
  const heartbeat = new Heartbeat(timers, config.pingMs);
  metrics.gauge('tollcast_sockets', 'WebSockets open', () => heartbeat.size);
  metrics.gauge('tollcast_http_connections', 'HTTP connections open, WebSockets among them', () => admission.connections);
  metrics.totals(
    'tollcast_http_refused_total',
    'HTTP connections, requests and sockets that were refused, by why',
    'reason',
    () => admission.refused,
    HTTP_REFUSALS,
  );
  host.onClose(async () => {
    heartbeat.stop();
    await heartbeat.drain(CLOSE_WAIT_MS);
    open.destroy();
    await app.close();
  });
  return {
    app,
    heartbeat,
    async listen(sockets) {
      serveSockets(app.server, sockets, allowedOrigins, admission);
      await listenHttp(app, config.host, port);
      return `${tls === undefined ? 'http' : 'https'}://${hostAndPort(app.server.address())}`;
    },
  };
}

export function hostAndPort(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a TCP address');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${host}:${address.port}`;
}

/** Certificates of a port that are read again when they change, for as long as the host runs. @throws TollcastError `config-invalid` */
export function certificates(host: Host, port: 'http' | 'rtmps', files: CertificateFiles): Certificates {
  const read = new Certificates(files, host);
  host.onClose(() => read.close());
  host.metrics.gauge(
    'tollcast_certificate_expiry_seconds',
    'When the TLS certificate that a port shows runs out, in seconds since 1970',
    () => read.expiryMs / 1_000,
    { port },
  );
  return read;
}
