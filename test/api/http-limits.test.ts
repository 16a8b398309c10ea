import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import type { SocketRoute } from '../../src/api/upgrade.ts';
import { http } from '../../src/config/sections.ts';
import { running } from '../../src/roles/host.ts';
import { httpRole } from '../../src/roles/http-role.ts';
import { until } from '../e2e/relay-process.ts';
import { selfSigned } from '../e2e/self-signed.ts';
import { newFolder } from '../ledger/support.ts';

/** Anybody may open one, and `watch` says who it is. */
const control: SocketRoute = {
  subprotocol: 'control',
  maxMessageBytes: 1_024,
  isOpenToAll: true,
  accept: () => (socket, authenticated) => {
    socket.on('error', () => undefined);
    socket.on('message', () => {
      authenticated();
      socket.send('watching');
    });
  },
};

const serve = (section: object) =>
  running(pino({ level: 'silent' }), async (host) => {
    const role = httpRole(host, { host: '127.0.0.1', http: http.parse({ port: 0, ...section }), pingMs: 60_000 });
    const url = new URL(await role.listen([[/^\/control$/, control]]));
    return { url, metrics: host.metrics };
  });

type Server = Awaited<ReturnType<typeof serve>>;

/** A socket from an address as a proxy says it: what comes first, `open` or the status of a refusal. */
async function opened({ url }: Server, from?: string): Promise<{ socket: WebSocket; outcome: string }> {
  const headers = from === undefined ? {} : { 'x-forwarded-for': from };
  const socket = new WebSocket(new URL('/control', url.href.replace('http', 'ws')), 'control', { headers });
  socket.on('error', () => undefined);
  const refused = once(socket, 'unexpected-response').then(([, answer]) => String(answer.statusCode));
  return { socket, outcome: await Promise.race([once(socket, 'open').then(() => 'open'), refused]) };
}

const closed = async (...sockets: readonly WebSocket[]) => {
  for (const socket of sockets) socket.terminate();
};

test('behind a trusted proxy an address is who the proxy says that it is', async () => {
  const server = await serve({ trustedProxies: ['127.0.0.1'], maxConnectionsPerAddress: 2 });
  const first = await opened(server, '198.51.100.7');
  const second = await opened(server, '203.0.113.9, 198.51.100.7');
  expect([first.outcome, second.outcome]).toEqual(['open', 'open']);
  expect((await opened(server, '198.51.100.7')).outcome).toBe('429');
  const other = await opened(server, '198.51.100.8');
  expect(other.outcome).toBe('open');
  closed(first.socket);
  await until(async () => (await opened(server, '198.51.100.7')).outcome === 'open', 'who leaves makes room');
  closed(second.socket, other.socket);
  await server.close();
});

test('whoever is no trusted proxy is the address that it comes from, whatever it says', async () => {
  const server = await serve({ maxUnauthenticatedPerAddress: 1 });
  const first = await opened(server, '198.51.100.7');
  const second = await opened(server, '198.51.100.8');
  expect([first.outcome, second.outcome]).toEqual(['open', '429']);
  await server.close();
});

test('a socket that has said whose it is makes room for the next', async () => {
  const server = await serve({ maxUnauthenticatedPerAddress: 1 });
  const { socket } = await opened(server);
  expect((await opened(server)).outcome).toBe('429');
  socket.send('watch');
  await once(socket, 'message');
  expect((await opened(server)).outcome).toBe('open');
  expect(await server.metrics.registry.metrics()).toMatch(
    /^tollcast_http_refused_total{reason="unauthenticated-per-address"} 1$/m,
  );
  await server.close();
});

test('a socket too many of an address is held for a moment, and comes in when another has said whose it is', async () => {
  const server = await serve({ maxUnauthenticatedPerAddress: 1 });
  const { socket } = await opened(server);
  const held = [opened(server), opened(server)];
  // The one that comes last is answered after those before it have been looked at.
  expect((await fetch(new URL('/healthz', server.url))).status).toBe(200);
  socket.send('watch');
  const [second] = await Promise.all([Promise.race(held)]);
  expect(second.outcome).toBe('open');
  second.socket.terminate();
  expect((await Promise.all(held)).map(({ outcome }) => outcome)).toEqual(['open', 'open']);
  expect(await server.metrics.registry.metrics()).toMatch(
    /^tollcast_http_refused_total{reason="unauthenticated-per-address"} 0$/m,
  );
  await server.close();
});

test('an upgrade that comes to nothing counts for nothing', async () => {
  const server = await serve({ maxUnauthenticatedPerAddress: 1 });
  const request = get(new URL('/control', server.url), {
    headers: { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-protocol': 'control' },
  });
  const [answer] = await once(request, 'response');
  expect(answer.statusCode).toBe(400);
  answer.resume();
  await until(async () => (await opened(server)).outcome === 'open', 'there is room');
  await server.close();
});

test('connections in all are limited, and what is beyond is closed', async () => {
  const server = await serve({ maxConnections: 3 });
  const sockets = Array.from({ length: 4 }, () => connect(Number(server.url.port), '127.0.0.1'));
  await Promise.race(
    sockets.map((socket) =>
      once(
        socket.on('error', () => undefined),
        'close',
      ),
    ),
  );
  for (const socket of sockets) socket.destroy();
  await until(
    async () => (await server.metrics.registry.metrics()).includes('tollcast_http_refused_total{reason="connections"} 1'),
    'it is counted',
  );
  await server.close();
});

test('half TLS handshakes are ended in time, many at once, and hold nothing', async () => {
  const folder = newFolder();
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const { cert, key } = selfSigned('localhost');
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  const server = await serve({ tls: { certFile, keyFile }, requestTimeoutMs: 500 });
  const sockets = Array.from({ length: 100 }, (_, index) => {
    const socket = connect(Number(server.url.port), '127.0.0.1').on('error', () => undefined);
    // Nothing at all, half a ClientHello, and HTTP where HTTPS is spoken.
    socket.write([Buffer.alloc(0), Buffer.from('16030102000100', 'hex'), Buffer.from('GET / HTTP/1.1\r\n')][index % 3] ?? '');
    return socket;
  });
  await Promise.all(sockets.map((socket) => once(socket, 'close')));
  await until(async () => {
    const text = await server.metrics.registry.metrics();
    return /^tollcast_http_connections 0$/m.test(text) && /^tollcast_http_refused_total{reason="tls-failed"} 100$/m.test(text);
  }, 'all are gone and counted');
  await server.close();
}, 30_000);

test('a request that never comes whole is answered with 408 in JSON', async () => {
  const server = await serve({ requestTimeoutMs: 500 });
  const socket = connect(Number(server.url.port), '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: rel');
  let text = '';
  socket.setEncoding('utf8').on('data', (more: string) => (text += more));
  await once(socket, 'close');
  expect(text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n.*"code":"request-timeout"/s);
  expect(await server.metrics.registry.metrics()).toMatch(/^tollcast_http_refused_total{reason="request-timeout"} 1$/m);
  await server.close();
}, 20_000);
