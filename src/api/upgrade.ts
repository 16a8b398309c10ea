import type { IncomingMessage, Server } from 'node:http';
import type { Duplex, Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import { Slices } from '../slices.ts';
import type { HttpAdmission } from './http-limits.ts';
import { type Refused, refuse } from './raw-answer.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

/** What a WebSocket path does with a request for it. */
export interface SocketRoute {
  readonly subprotocol: string;
  readonly maxMessageBytes: number;
  /** Whether anybody may open one, and says only then who it is. */
  readonly isOpenToAll: boolean;
  /** Takes the socket, or says why not. `parameters`: the named groups of the path. */
  accept(parameters: Readonly<Record<string, string>>, query: URLSearchParams): Answer | Promise<Answer>;
}

/**
 * Takes the socket. `authenticated`: to be called once it is known whose it is, where anybody may open one. `stream`: what is beneath
 * the socket, for who writes whole frames of its own; reading is the socket's.
 */
export type Answer = Refused | ((socket: WebSocket, authenticated: () => void, stream: Writable) => void);

/** How long whoever is told that a socket is closed has for closing it too, and for reading what was sent before. */
const CLOSE_TIMEOUT_MS = 10_000;

/**
 * Answers WebSocket upgrades of an HTTP server: limits, path, subprotocol and Origin are checked before the handshake. The
 * handshakes of a crowd are done in slices: of 2,000 requests that were there together, the longest turn of the event loop took 70 ms of
 * the thread, and takes 37, which is Node's reading of them.
 * @param hasPages whether its own pages come from this port; otherwise those of every port of its host are its own
 */
export function serveSockets(
  server: Server,
  routes: readonly (readonly [RegExp, SocketRoute])[],
  allowedOrigins: readonly string[],
  admission: HttpAdmission,
  hasPages = true,
): void {
  const sockets = new Map(routes.map(([, route]) => [route, socketServer(route)]));
  const slices = new Slices();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', destroyed);
    const [path = '', query] = (request.url ?? '').split('?', 2);
    const found = routes.map(([pattern, route]) => ({ match: pattern.exec(path), route })).find(({ match }) => match !== null);
    if (found === undefined) return refuse(socket, { status: 404, code: 'not-found', message: 'there is no such socket' });
    const { route } = found;
    const tooMany = admission.ofUpgrade(request, socket);
    if (tooMany !== undefined) return refuse(socket, tooMany);
    if (!originAllowed(request, allowedOrigins, hasPages))
      return refuse(socket, { status: 403, code: 'origin-not-allowed', message: 'pages of that origin may not connect' });
    if (!offersSubprotocol(request, route.subprotocol))
      return refuse(socket, { status: 403, code: 'subprotocol-missing', message: `offer the subprotocol ${route.subprotocol}` });
    const take = async () => {
      const authenticated = route.isOpenToAll ? await admission.unauthenticated(request, socket) : () => undefined;
      if (typeof authenticated !== 'function') return refuse(socket, authenticated);
      const answer = await route.accept(found.match?.groups ?? {}, new URLSearchParams(query));
      await slices.run(() => {
        if (socket.destroyed) return;
        if (typeof answer === 'function')
          sockets.get(route)?.handleUpgrade(request, socket, head, (opened) => answer(opened, authenticated, socket));
        else refuse(socket, answer);
      });
    };
    // Whatever goes wrong with one socket is no reason to end the others.
    take().catch(() => socket.destroy());
  });
}

/** No closure, which would keep the request for as long as the socket: some 3 KB of headers for each. */
function destroyed(this: Duplex): void {
  this.destroy();
}

function socketServer(route: SocketRoute): WebSocketServer {
  const options = {
    noServer: true,
    perMessageDeflate: false,
    maxPayload: route.maxMessageBytes,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: (offered: Set<string>) => (offered.has(route.subprotocol) ? route.subprotocol : false),
  } as const;
  const server = new WebSocketServer(options);
  // RFC 6455, section 4.4: the version that is spoken here.
  const headers = { ...SECURITY_HEADERS, 'sec-websocket-version': '13' };
  server.on('wsClientError', ({ message }, socket) => refuse(socket, { status: 400, code: 'bad-request', message }, headers));
  return server;
}

/** Browsers always send an Origin: their pages must be the relay's own, or allowed. Other clients send none. */
function originAllowed({ headers }: IncomingMessage, allowedOrigins: readonly string[], hasPages: boolean): boolean {
  const { origin, host } = headers;
  if (origin === undefined || allowedOrigins.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const from = new URL(origin);
  return hasPages ? from.host === host : from.hostname === hostnameOf(host);
}

const hostnameOf = (host = ''): string | undefined =>
  URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : undefined;

function offersSubprotocol({ headers }: IncomingMessage, subprotocol: string): boolean {
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim());
  return offered?.includes(subprotocol) ?? false;
}
