import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { CONTROL_SUBPROTOCOL } from '../../src/protocol/messages.ts';
import { ffmpeg } from '../e2e/programs.ts';
import { until } from '../e2e/relay-process.ts';
import { memoryRow, SlowClients } from './hostile-run.ts';
import { addressOf, HostileSocket } from './hostile-socket.ts';
import { HostileStage } from './hostile-stage.ts';
import { MEMORY_ATTACKS } from './memory-attacks.ts';
import { SLOW_ATTACKS } from './slow-attacks.ts';

const PATIENCE = { requestTimeoutMs: 1_500, responseTimeoutMs: 2_000, idleTimeoutMs: 1_500, handshakeTimeoutMs: 2_000 };
const { handshakeTimeoutMs, ...HTTP } = PATIENCE;
const HOLD = { settleMs: 300, holdMs: 500 };
const EACH = 20;
const PER_ADDRESS = 260;
const UNAUTHENTICATED = 210;

/** `npm run hostile` does the same for longer, with the limits that a relay has by default. */
(ffmpeg === undefined ? describe.skip : describe)('a relay among hostile clients', () => {
  let stage: HostileStage;
  /** There from the beginning, beside all the others. */
  let slow: SlowClients;

  beforeAll(async () => {
    stage = await HostileStage.open({
      http: { ...HTTP, maxConnectionsPerAddress: PER_ADDRESS, maxUnauthenticatedPerAddress: UNAUTHENTICATED },
      rtmp: { handshakeTimeoutMs },
      viewers: { maxSocketBytes: 16_384, tooSlowMs: 1_000 },
      keys: { periodMs: 6_000 },
    });
    slow = await SlowClients.open(stage, SLOW_ATTACKS, PATIENCE, EACH);
  }, 60_000);

  afterAll(() => stage?.[Symbol.asyncDispose]());

  test.each(MEMORY_ATTACKS.map((attack) => [attack.name, attack] as const))(
    '%s: memory stays within its bound, and an ordinary viewer loses nothing',
    async (_, attack) => {
      const row = await memoryRow(stage, attack, HOLD);
      process.stderr.write(`${row.attack}: ${row.figures}\n`);
      expect(row.faults).toEqual([]);
    },
    90_000,
  );

  test(`slow clients of every kind, ${EACH} each: all are ended in time, and an ordinary viewer loses nothing`, async () => {
    const rows = await slow.rows();
    for (const { attack, figures } of rows) process.stderr.write(`${attack}: ${figures}\n`);
    expect(rows.flatMap(({ attack, faults }) => faults.map((fault) => `${attack}: ${fault}`))).toEqual([]);
  }, 90_000);

  test('an address with too many control sockets that say nothing is told so, and others are not concerned', async () => {
    const before = await stage.metric('tollcast_http_refused_total', 'unauthenticated-per-address');
    const url = `${stage.relay.httpUrl.replace('http', 'ws')}/v1/control`;
    const opened = Array.from(
      { length: UNAUTHENTICATED + 1 },
      () => new WebSocket(url, CONTROL_SUBPROTOCOL, { localAddress: addressOf(700) }),
    );
    const refusals: string[] = [];
    for (const socket of opened) {
      socket.on('error', () => undefined);
      socket.on('unexpected-response', (_, answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text: string) => (body += text));
        answer.on('end', () => refusals.push(`${answer.statusCode} ${JSON.parse(body).code}`));
      });
    }
    await until(() => refusals.length > 0, 'one is refused');
    expect(refusals).toEqual(['429 too-many-connections']);
    expect(await stage.metric('tollcast_http_refused_total', 'unauthenticated-per-address')).toBe(before + 1);
    expect(await stage.harm()).toEqual([]);
    for (const socket of opened) socket.terminate();
  }, 30_000);

  test('an address with too many connections is told so, then closed as it comes, and others are not concerned', async () => {
    const { httpUrl } = stage.relay;
    const ask = 'GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n';
    const address = addressOf(701);
    const kept = await Promise.all(Array.from({ length: PER_ADDRESS }, () => HostileSocket.open(httpUrl, address)));
    const told = await HostileSocket.open(httpUrl, address, ask);
    await until(() => !told.isOpen, 'the one too many is closed');
    expect(told.received).toMatch(/^HTTP\/1.1 429 Too Many Requests\r\n.*"too-many-connections"/s);
    const more = await Promise.all(Array.from({ length: PER_ADDRESS }, () => HostileSocket.open(httpUrl, address)));
    await until(() => more.some((socket) => !socket.isOpen && socket.received === ''), 'some are closed as they come');
    expect(await stage.metric('tollcast_http_refused_total', 'connections-per-address')).toBeGreaterThan(PER_ADDRESS / 2);
    expect(await stage.harm()).toEqual([]);
    for (const socket of [...kept, ...more]) socket.destroy();
  }, 30_000);
});
