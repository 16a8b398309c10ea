import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { WebSocketServer } from 'ws';
import { answerRaw } from './raw-answer.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

/** What a WebSocket path does with a request for it. */
export interface SocketRoute {
  readonly subprotocol: string;
  readonly maxMessageBytes: number;
  /** Takes the socket, or says why not. `parameters`: the named groups of the path. */
  accept(parameters: Readonly<Record<string, string>>, query: URLSearchParams): Answer | Promise<Answer>;
}

export type Answer = Refused | ((socket: WebSocket) => void);

export interface Refused {
  readonly status: 401 | 403 | 404 | 503;
  readonly code: string;
  readonly message: string;
}

/** Answers WebSocket upgrades of an HTTP server: path, subprotocol and Origin are checked before the handshake. */
export function serveSockets(
  server: Server,
  routes: readonly (readonly [RegExp, SocketRoute])[],
  allowedOrigins: readonly string[],
): void {
  const sockets = new Map(
    routes.map(([, route]) => [
      route,
      new WebSocketServer({
        noServer: true,
        perMessageDeflate: false,
        maxPayload: route.maxMessageBytes,
        handleProtocols: (offered) => (offered.has(route.subprotocol) ? route.subprotocol : false),
      }),
    ]),
  );
  for (const endpoint of sockets.values())
    endpoint.on('wsClientError', ({ message }, socket) =>
      // RFC 6455, section 4.4: the version that is spoken here.
      answerRaw(socket, 400, { code: 'bad-request', message }, { ...SECURITY_HEADERS, 'sec-websocket-version': '13' }),
    );
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const [path = '', query] = (request.url ?? '').split('?', 2);
    const found = routes.map(([pattern, route]) => ({ match: pattern.exec(path), route })).find(({ match }) => match !== null);
    if (found === undefined) return refuse(socket, { status: 404, code: 'not-found', message: 'there is no such socket' });
    const { route } = found;
    if (!originAllowed(request, allowedOrigins))
      return refuse(socket, { status: 403, code: 'origin-not-allowed', message: 'pages of that origin may not connect' });
    if (!offersSubprotocol(request, route.subprotocol))
      return refuse(socket, { status: 403, code: 'subprotocol-missing', message: `offer the subprotocol ${route.subprotocol}` });
    const take = (answer: Answer) => {
      if (socket.destroyed) return;
      if (typeof answer === 'function') sockets.get(route)?.handleUpgrade(request, socket, head, answer);
      else refuse(socket, answer);
    };
    // Whatever goes wrong with one socket is no reason to end the others.
    Promise.resolve(route.accept(found.match?.groups ?? {}, new URLSearchParams(query)))
      .then(take)
      .catch(() => socket.destroy());
  });
}

/** Browsers always send an Origin: their pages must be the relay's own, or allowed. Other clients send none. */
function originAllowed({ headers }: IncomingMessage, allowedOrigins: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || allowedOrigins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

function offersSubprotocol({ headers }: IncomingMessage, subprotocol: string): boolean {
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim());
  return offered?.includes(subprotocol) ?? false;
}

const refuse = (socket: Duplex, { status, code, message }: Refused): void => answerRaw(socket, status, { code, message });
