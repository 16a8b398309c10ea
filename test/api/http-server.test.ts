import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { SECURITY_HEADERS } from '../../src/api/security-headers.ts';
import { firstResponse, RawConnection } from '../fuzz/http/raw-http.ts';
import { anHttpServer } from './an-http-server.ts';

let app: FastifyInstance;

beforeAll(async () => {
  const log = pino({ level: 'silent' });
  app = anHttpServer(log).app;
  await app.ready();
});
afterAll(() => app.close());

test.each([
  ['no HTTP', 'hello\r\n\r\n', 400],
  ['a target that is none', 'GET healthz HTTP/1.1\r\nhost: x\r\n\r\n', 400],
  ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
  ['two lengths', 'POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na', 400],
  ['headers without end', `GET /healthz HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(20_000)}\r\n\r\n`, 431],
])('a request with %s is answered as every other is', async (_, bytes, status) => {
  const connection = new RawConnection(app.server);
  connection.write(bytes);
  await connection.quiet();
  const answer = firstResponse(connection.received);
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.body)).toEqual({ code: 'bad-request', message: expect.any(String) });
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) expect(answer.headers.get(name)).toBe(value);
  connection.destroy();
});

test('a request that expects what nobody knows is answered nevertheless', async () => {
  const connection = new RawConnection(app.server);
  connection.write('GET /healthz HTTP/1.1\r\nhost: x\r\nexpect: miracles\r\n\r\n');
  await connection.quiet();
  expect(firstResponse(connection.received)).toMatchObject({ status: 200, body: '{"status":"ok"}' });
  connection.destroy();
});
