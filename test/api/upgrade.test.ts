import { createServer } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { HttpAdmission } from '../../src/api/http-limits.ts';
import { SECURITY_HEADERS } from '../../src/api/security-headers.ts';
import { type SocketRoute, serveSockets } from '../../src/api/upgrade.ts';
import { http } from '../../src/config/sections.ts';
import { firstResponse, RawConnection } from '../fuzz/http/raw-http.ts';

const HEADERS = {
  host: 'x',
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-protocol': 'some.v1',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

test.each([
  ['a key that is none', { 'sec-websocket-key': 'short' }],
  ['another version', { 'sec-websocket-version': '7' }],
  ['another upgrade', { upgrade: 'h2c' }],
])('a handshake with %s is refused as everything else is', async (_, wrong) => {
  const server = createServer();
  const admission = new HttpAdmission(server, http.parse({}));
  serveSockets(
    server,
    [[/^\/s$/, { subprotocol: 'some.v1', maxMessageBytes: 100, isOpenToAll: false, accept: () => () => undefined }]],
    [],
    admission,
  );
  const connection = new RawConnection(server);
  const lines = Object.entries({ ...HEADERS, ...wrong }).map(([name, value]) => `${name}: ${value}\r\n`);
  connection.write(`GET /s HTTP/1.1\r\n${lines.join('')}\r\n`);
  await connection.quiet();
  const { status, headers, body } = firstResponse(connection.received);
  expect({ status, body: JSON.parse(body) }).toEqual({ status: 400, body: { code: 'bad-request', message: expect.any(String) } });
  for (const [name, value] of Object.entries({ ...SECURITY_HEADERS, 'sec-websocket-version': '13' }))
    expect(headers.get(name)).toBe(value);
  connection.destroy();
});

test('handshakes of a crowd leave the thread to others between them, in the order of their coming, and who has gone is left out', async () => {
  const server = createServer();
  const admission = new HttpAdmission(server, http.parse({}));
  const opened: number[] = [];
  const route: SocketRoute = {
    subprotocol: 'some.v1',
    maxMessageBytes: 100,
    isOpenToAll: true,
    accept:
      ({ viewer }) =>
      () => {
        const untilMs = performance.now() + 2;
        while (performance.now() < untilMs);
        opened.push(Number(viewer));
      },
  };
  serveSockets(server, [[/^\/s\/(?<viewer>\d+)$/, route]], [], admission);
  const lines = Object.entries(HEADERS).map(([name, value]) => `${name}: ${value}\r\n`);
  const crowd = Array.from({ length: 30 }, () => new RawConnection(server));
  for (const [viewer, connection] of crowd.entries()) connection.write(`GET /s/${viewer} HTTP/1.1\r\n${lines.join('')}\r\n`);
  const inTurns: number[] = [];
  while (opened.length < 29) {
    const before = opened.length;
    await setImmediate();
    inTurns.push(opened.length - before);
    if (before === 0) crowd[20]?.destroy();
  }
  for (const connection of crowd) await connection.quiet();
  // Each takes as long as a slice.
  expect(Math.max(...inTurns)).toBeLessThanOrEqual(2);
  expect(opened).toEqual(crowd.map((_, viewer) => viewer).filter((viewer) => viewer !== 20));
  const statuses = crowd.filter((_, viewer) => viewer !== 20).map(({ received }) => firstResponse(received).status);
  expect(new Set(statuses)).toEqual(new Set([101]));
  for (const connection of crowd) connection.destroy();
});

/** Answers a request of a page: 101 or why not. */
async function answerTo(host: string, origin: string, hasPages: boolean): Promise<number> {
  const server = createServer();
  const route = { subprotocol: 'some.v1', maxMessageBytes: 100, isOpenToAll: false, accept: () => () => undefined };
  serveSockets(server, [[/^\/s$/, route]], ['https://allowed.example'], new HttpAdmission(server, http.parse({})), hasPages);
  const connection = new RawConnection(server);
  const lines = Object.entries({ ...HEADERS, host, origin }).map(([name, value]) => `${name}: ${value}\r\n`);
  connection.write(`GET /s HTTP/1.1\r\n${lines.join('')}\r\n`);
  await connection.quiet();
  const { status } = firstResponse(connection.received);
  connection.destroy();
  return status;
}

test('pages of the port may open sockets, and those of other ports of the host where the port itself has none', async () => {
  expect(await answerTo('video.example:8080', 'http://video.example:8080', true)).toBe(101);
  expect(await answerTo('video.example:8081', 'http://video.example:8080', true)).toBe(403);
  expect(await answerTo('video.example:8081', 'http://video.example:8080', false)).toBe(101);
  expect(await answerTo('[::1]:8081', 'http://[::1]:8080', false)).toBe(101);
  for (const hasPages of [true, false]) {
    for (const origin of ['http://other.example:8081', 'https://sub.video.example', 'null', 'not an origin'])
      expect(await answerTo('video.example:8081', origin, hasPages)).toBe(403);
    expect(await answerTo('video.example:8081', 'https://allowed.example', hasPages)).toBe(101);
    expect(await answerTo('not a host', 'http://video.example', hasPages)).toBe(403);
  }
});
