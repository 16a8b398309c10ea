import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemTimers, type Timers } from '../clock.ts';
import { ConnectionAddresses, plainAddress } from '../connection-addresses.ts';
import { TrustedProxies } from '../trusted-proxies.ts';
import { AddressTurns } from './address-turns.ts';
import type { Refused } from './raw-answer.ts';

/** What strangers may take of an HTTP server (config/relay.yaml, "http"). */
export interface HttpLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxUnauthenticatedPerAddress: number;
  readonly trustedProxies: readonly string[];
}

export const HTTP_REFUSALS = [
  'connections',
  'connections-per-address',
  'unauthenticated-per-address',
  'request-timeout',
  'response-timeout',
  'tls-failed',
] as const;
export type HttpRefusal = (typeof HTTP_REFUSALS)[number];

/** How long a socket is held whose address has as many as it may that have not said whose they are: they are about to. */
const HELD_MS = 3_000;

/**
 * Counts the connections of a server, those of each address, and the sockets of each address that have not said yet whose they
 * are. What an address has over its limit is told so, by a 429; an eighth beyond that it is closed as it comes. A connection from
 * a trusted proxy is nobody's: of what comes through it, WebSockets count.
 */
export class HttpAdmission {
  readonly #limits: HttpLimits;
  readonly #proxies: TrustedProxies;
  readonly #addresses: ConnectionAddresses;
  readonly #unauthenticated: AddressTurns;
  readonly #refused = new Map<HttpRefusal, number>();
  #connections = 0;

  constructor(server: Server, limits: HttpLimits, timers: Timers = systemTimers) {
    this.#limits = limits;
    this.#proxies = new TrustedProxies(limits.trustedProxies);
    this.#addresses = new ConnectionAddresses(Math.ceil((limits.maxConnectionsPerAddress * 9) / 8));
    this.#unauthenticated = new AddressTurns(limits.maxUnauthenticatedPerAddress, HELD_MS, timers);
    server.maxConnections = limits.maxConnections;
    server.on('drop', () => this.countRefused('connections'));
    server.on('connection', (socket: Socket) => this.#admit(socket));
    server.on('tlsClientError', () => this.countRefused('tls-failed'));
  }

  /** Open now. */
  get connections(): number {
    return this.#connections;
  }

  /** How many connections, requests and sockets were refused, by why. */
  get refused(): ReadonlyMap<HttpRefusal, number> {
    return this.#refused;
  }

  countRefused(reason: HttpRefusal): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  /** Why a request is refused, which came on a connection of its own address; undefined if it is not. */
  ofRequest(request: IncomingMessage): Refused | undefined {
    const { address, isProxied } = this.#proxies.clientOf(request);
    if (isProxied || this.#addresses.count(address ?? '') <= this.#limits.maxConnectionsPerAddress) return undefined;
    return this.#tooManyConnections();
  }

  /** Why an upgrade is refused; undefined if it is not, and then it counts until its socket is closed. */
  ofUpgrade(request: IncomingMessage, socket: Duplex): Refused | undefined {
    const { address, isProxied } = this.#proxies.clientOf(request);
    if (!isProxied) return this.ofRequest(request);
    if (address === undefined) return undefined;
    const isFull = this.#addresses.count(address) >= this.#limits.maxConnectionsPerAddress;
    const leave = isFull ? undefined : this.#addresses.enter(address);
    if (leave === undefined) return this.#tooManyConnections();
    socket.once('close', leave);
    return undefined;
  }

  /** Counts a socket that anybody may open, until it is closed or what is returned is called: it has said whose it is. May hold it first. */
  async unauthenticated(request: IncomingMessage, socket: Duplex): Promise<Refused | (() => void)> {
    const { address } = this.#proxies.clientOf(request);
    if (address === undefined) return () => undefined;
    const leave = await this.#unauthenticated.take(address);
    if (leave === undefined) {
      this.countRefused('unauthenticated-per-address');
      return tooMany(
        `${this.#limits.maxUnauthenticatedPerAddress} sockets from your address have not yet said whose they are: try again in a moment`,
      );
    }
    if (socket.destroyed) leave();
    else socket.once('close', leave);
    return leave;
  }

  #admit(socket: Socket): void {
    this.#connections++;
    socket.once('close', () => this.#connections--);
    const address = plainAddress(socket.remoteAddress ?? '');
    if (this.#proxies.has(address)) return;
    const leave = this.#addresses.enter(address);
    if (leave === undefined) {
      this.countRefused('connections-per-address');
      socket.destroy();
    } else {
      socket.once('close', leave);
    }
  }

  #tooManyConnections(): Refused {
    this.countRefused('connections-per-address');
    return tooMany(
      `your address has ${this.#limits.maxConnectionsPerAddress} connections here already: close some, or try again in a moment`,
    );
  }
}

const tooMany = (message: string): Refused => ({ status: 429, code: 'too-many-connections', message });
