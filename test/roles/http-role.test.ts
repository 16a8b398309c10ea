import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { SocketRoute } from '../../src/api/upgrade.ts';
import { http } from '../../src/config/sections.ts';
import { running } from '../../src/roles/host.ts';
import { httpRole } from '../../src/roles/http-role.ts';

const CONFIG = { host: '127.0.0.1', http: http.parse({ port: 0 }), pingMs: 60_000 };

/** Answers no upgrade. */
const silent: SocketRoute = {
  subprotocol: 'silent',
  maxMessageBytes: 1_024,
  isOpenToAll: false,
  accept: () => new Promise(() => undefined),
};

const UPGRADE = [
  'GET /silent HTTP/1.1',
  'Host: relay',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'Sec-WebSocket-Protocol: silent',
];

test('no socket holds up the end of a server: not one that says nothing, nor half a request, nor an upgrade without an answer', async () => {
  const { close, url } = await running(pino({ level: 'silent' }), async (host) => {
    const role = httpRole(host, CONFIG);
    return { url: new URL(await role.listen([[/^\/silent$/, silent]])) };
  });
  const open = async (text: string): Promise<Socket> => {
    const socket = connect(Number(url.port), '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  };
  const sockets = await Promise.all([open(''), open('GET / HT'), open(`${UPGRADE.join('\r\n')}\r\n\r\n`)]);
  // What came before on other sockets has been read.
  await (await fetch(new URL('/healthz', url))).text();
  const closed = sockets.map((socket) => once(socket, 'close'));
  await close();
  await Promise.all(closed);
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
}, 5_000);
