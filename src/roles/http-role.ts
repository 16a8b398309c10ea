import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { Heartbeat } from '../api/heartbeat.ts';
import { HTTP_REFUSALS } from '../api/http-limits.ts';
import { httpServer, listenHttp } from '../api/http-server.ts';
import { OpenSockets } from '../api/open-sockets.ts';
import { type SocketRoute, serveSockets } from '../api/upgrade.ts';
import { type CertificateFiles, type CertificateSource, Certificates } from '../config/certificates.ts';
import type { HttpConfig } from '../config/sections.ts';
import type { Host } from './host.ts';

/** How long WebSockets have to close in peace at the end; whatever is open then is cut off. */
const CLOSE_WAIT_MS = 2_000;
const HTTP_PORT = 'http.port in the configuration or, of serve, --http-port';

/** The HTTP side of a process: its routes and sockets are the other roles'. */
export interface HttpRole {
  readonly app: FastifyInstance;
  readonly heartbeat: Heartbeat;
  /** What it shows, where there is TLS. */
  readonly tls: CertificateSource | undefined;
  readonly figures: HttpFigures;
  /** Takes the sockets of its routes, and listens. @returns the URL */
  listen(sockets: readonly (readonly [RegExp, SocketRoute])[]): Promise<string>;
  /** Another HTTP side of this process, in other threads: measured with this one, and closed with it. */
  beside(other: OtherHttp): void;
}

export interface OtherHttp {
  readonly figures: HttpFigures;
  close(): Promise<void>;
}

export interface HttpFigures {
  /** WebSockets open. */
  readonly sockets: number;
  /** WebSockets among them. */
  readonly connections: number;
  readonly refused: ReadonlyMap<string, number>;
}

/** Of a port that several threads listen on: the files of a certificate are read by the main one. */
export interface SharedPort {
  readonly tls: CertificateSource | undefined;
  /** Where the port is chosen. */
  readonly setting: string;
}

/** @throws TollcastError `config-invalid` where a certificate cannot be used */
export function httpRole(
  host: Host,
  config: { readonly host: string; readonly http: HttpConfig; readonly pingMs: number },
  sharedPort?: SharedPort,
): HttpRole {
  const { metrics, timers, log } = host;
  const own = sharedPort === undefined && config.http.tls !== undefined ? certificates(host, 'http', config.http.tls) : undefined;
  const tls = own ?? sharedPort?.tls;
  const { allowedOrigins, port } = config.http;
  const { app, admission } = httpServer(
    {
      metrics: sharedPort === undefined ? metrics : undefined,
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
  const figures: HttpFigures = {
    get sockets() {
      return heartbeat.size;
    },
    get connections() {
      return admission.connections;
    },
    get refused() {
      return admission.refused;
    },
  };
  const others: OtherHttp[] = [];
  const sum = (of: (figures: HttpFigures) => number) => others.reduce((total, other) => total + of(other.figures), of(figures));
  metrics.gauge('tollcast_sockets', 'WebSockets open', () => sum(({ sockets }) => sockets));
  metrics.gauge('tollcast_http_connections', 'HTTP connections open, WebSockets among them', () =>
    sum(({ connections }) => connections),
  );
  metrics.totals(
    'tollcast_http_refused_total',
    'HTTP connections, requests and sockets that were refused, by why',
    'reason',
    () => new Map(HTTP_REFUSALS.map((reason) => [reason, sum(({ refused }) => refused.get(reason) ?? 0)])),
    HTTP_REFUSALS,
  );
  const close = async () => {
    heartbeat.stop();
    await heartbeat.drain(CLOSE_WAIT_MS);
    open.destroy();
    await app.close();
  };
  host.onClose(async () => {
    await Promise.all([close(), ...others.map((other) => other.close())]);
  });
  return {
    app,
    heartbeat,
    tls,
    figures,
    async listen(sockets) {
      serveSockets(app.server, sockets, allowedOrigins, admission, sharedPort === undefined);
      await listenHttp(app, {
        host: config.host,
        port,
        setting: sharedPort?.setting ?? HTTP_PORT,
        isShared: sharedPort !== undefined,
      });
      return `${tls === undefined ? 'http' : 'https'}://${hostAndPort(app.server.address())}`;
    },
    beside: (other) => void others.push(other),
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
