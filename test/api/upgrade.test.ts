import { createServer } from 'node:http';
import { expect, test } from '@jest/globals';
import { HttpAdmission } from '../../src/api/http-limits.ts';
import { SECURITY_HEADERS } from '../../src/api/security-headers.ts';
import { serveSockets } from '../../src/api/upgrade.ts';
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
