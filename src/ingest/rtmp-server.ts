import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { Logger } from 'pino';
import { type Clock, systemTimers, type Timers } from '../clock.ts';
import { ConnectionAddresses, plainAddress } from '../connection-addresses.ts';
import { messageOf, systemCode, TollcastError } from '../errors.ts';
import { type IngestLimits, ingestLimits } from './limits.ts';
import { type PublishDecision, type PublishRequest, SHUTTING_DOWN } from './publication.ts';
import { RtmpSession } from './rtmp-session.ts';

export type { PublicationSink, PublishDecision, PublishRequest } from './publication.ts';

/** Certificate chain and private key, PEM. `follow` has a server show others from when they change. */
export interface RtmpsCertificate {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
  follow?(server: TlsServer): void;
}

export interface RtmpServerOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** With it the server speaks RTMPS. */
  readonly tls?: RtmpsCertificate;
  readonly limits?: Partial<IngestLimits>;
  readonly log: Logger;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timers?: Timers;
  /** Who may publish, and where the tags go. What it throws refuses the publisher. */
  publish(request: PublishRequest): Promise<PublishDecision> | PublishDecision;
}

/**
 * Takes broadcasts over RTMP, or RTMPS (DESIGN.md, section 4, "Ingest"). Nothing that a connection sends reaches another one, nor ends
 * the process; what one may take is bounded by `limits`.
 */
export class RtmpServer {
  readonly #options: RtmpServerOptions;
  readonly #limits: IngestLimits;
  readonly #timers: Timers;
  readonly #server: Server;
  /** Every connection, those in a TLS handshake too. */
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Map<Socket, RtmpSession>();
  readonly #addresses: ConnectionAddresses;
  readonly #refused = new Map<string, number>();
  /** Received by sessions that are over. */
  #closedBytesIn = 0;

  constructor(options: RtmpServerOptions) {
    this.#options = options;
    this.#limits = ingestLimits(options.limits);
    this.#timers = options.timers ?? systemTimers;
    this.#addresses = new ConnectionAddresses(this.#limits.maxConnectionsPerAddress);
    this.#server = this.#createServer();
    this.#server.maxConnections = this.#limits.maxConnections;
    this.#server.on('drop', () => this.#countRefused('too-many-connections'));
  }

  /** @throws TollcastError `port-in-use`, `port-not-permitted`, `address-unavailable`, `listen-failed` */
  listen(): Promise<AddressInfo> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => reject(listenError(error, host, port));
      this.#server.once('error', failed);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', failed);
        // Accepting can fail later too, for want of file descriptors; those that are connected need not suffer.
        this.#server.on('error', (error) =>
          this.#options.log.error(
            { err: error },
            'RTMP connections cannot be accepted: see whether the limit of open files is reached (tollcast doctor)',
          ),
        );
        const address = this.#server.address();
        if (address === null || typeof address === 'string') reject(new Error('the RTMP server has no port'));
        else resolve(address);
      });
    });
  }

  /** Accepts no more, tells every broadcaster, and resolves when the last connection is closed: within `lingerMs`. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const session of this.#sessions.values()) session.kick(SHUTTING_DOWN);
      // Those that are no sessions yet, in a TLS handshake, have nothing to be told.
      this.#timers.after(this.#limits.lingerMs, () => {
        for (const socket of this.#sockets) socket.destroy();
      });
    });
  }

  /** Open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Received since the server was made. */
  get bytesIn(): number {
    return [...this.#sessions.keys()].reduce((sum, socket) => sum + socket.bytesRead, this.#closedBytesIn);
  }

  /** How many connections were closed for a reason, by its code, since the server was made. */
  get refused(): ReadonlyMap<string, number> {
    return this.#refused;
  }

  #createServer(): Server {
    const { tls, log } = this.#options;
    if (!tls) {
      return createServer((socket) => {
        if (this.#admit(socket)) this.#begin(socket);
      });
    }
    const { cert, key } = tls;
    const server = createTlsServer({ cert, key, handshakeTimeout: this.#limits.handshakeTimeoutMs }, (secured) =>
      this.#begin(secured),
    );
    tls.follow?.(server);
    // Counted from the first byte, not from the end of the TLS handshake.
    server.prependListener('connection', (socket: Socket) => this.#admit(socket));
    server.on('tlsClientError', (error, socket) => {
      log.info({ remoteAddress: plainAddress(socket.remoteAddress ?? '') }, `no TLS connection came about: ${messageOf(error)}`);
      this.#countRefused('tls-failed');
      socket.destroy();
    });
    return server;
  }

  #admit(socket: Socket): boolean {
    const address = plainAddress(socket.remoteAddress ?? '');
    const leave = this.#addresses.enter(address);
    if (!leave) {
      const { maxConnectionsPerAddress } = this.#limits;
      // Not a line for each at the usual level: whoever does this does it thousands of times.
      this.#options.log.debug(
        { remoteAddress: address },
        `connection closed: more than ${maxConnectionsPerAddress} connections from there`,
      );
      this.#countRefused('too-many-connections-per-address');
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      leave();
    });
    return true;
  }

  #begin(socket: Socket): void {
    const session = new RtmpSession(socket, plainAddress(socket.remoteAddress ?? ''), {
      limits: this.#limits,
      clock: this.#options.clock,
      timers: this.#timers,
      log: this.#options.log,
      publish: (request) => this.#options.publish(request),
      refused: (code) => this.#countRefused(code),
    });
    this.#sessions.set(socket, session);
    socket.once('close', () => {
      this.#sessions.delete(socket);
      this.#closedBytesIn += socket.bytesRead;
    });
  }

  #countRefused(code: string): void {
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
  }
}

function listenError(error: Error, host: string, port: number): TollcastError {
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new TollcastError(
        'port-in-use',
        `RTMP port ${port} is in use: stop what uses it, or choose another with rtmp.port in the configuration or, of serve, --rtmp-port`,
      );
    case 'EACCES':
      return new TollcastError('port-not-permitted', `RTMP port ${port} may not be opened by this user: choose one above 1023`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new TollcastError('address-unavailable', `${host} is no address of this machine: choose another with --host`);
    default:
      return new TollcastError('listen-failed', `RTMP cannot listen at ${host}:${port}: ${messageOf(error)}`, { cause: error });
  }
}
