import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../e2e/free-port.ts';
import { natsServer } from '../e2e/programs.ts';
import { cert, key } from '../ingest/certificate.ts';
import { TestNats } from './nats-server.ts';
import { busOf, GRANTS } from './roles.ts';

(natsServer === undefined ? describe.skip : describe)('the first connection to NATS', () => {
  let plain: TestNats;
  let secure: TestNats;
  let caFile: string;

  beforeAll(async () => {
    plain = await TestNats.start(GRANTS);
    caFile = join(plain.folder, 'cert.pem');
    const keyFile = join(plain.folder, 'key.pem');
    writeFileSync(caFile, cert);
    writeFileSync(keyFile, key);
    secure = await TestNats.start(GRANTS, { certFile: caFile, keyFile, caFile });
  });
  afterAll(async () => {
    await secure.remove();
    await plain.remove();
  });

  test('is tried for a while, and then says what to do', async () => {
    const servers = [`nats://127.0.0.1:${await freePort()}`];
    const fromMs = performance.now();
    await expect(busOf(plain, 'edge-a', { servers })).rejects.toMatchObject({
      code: 'nats-unreachable',
      message: expect.stringMatching(/^NATS cannot be reached at nats:\/\/127\.0\.0\.1:\d+ \(.+\): start nats-server/),
    });
    expect(performance.now() - fromMs).toBeGreaterThan(3_000);
    expect(performance.now() - fromMs).toBeLessThan(6_000);
  });

  test.each([
    ['says nothing', () => undefined],
    [
      'greets as NATS does, and then says nothing',
      (socket: Socket) => void socket.write('INFO {"version":"2.9.10","max_payload":1000}\r\n'),
    ],
    ['is HTTP', (socket: Socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['hangs up', (socket: Socket) => void socket.end()],
  ])(
    'is given up in time where what listens %s, and leaves nothing behind',
    async (_, greet) => {
      const stranger = createServer((socket) => {
        socket.on('error', () => undefined);
        greet(socket);
        socket.resume();
      });
      await new Promise<void>((listening) => void stranger.listen(0, '127.0.0.1', listening));
      const { port } = stranger.address() as AddressInfo;
      // Two addresses: the client would give each of them all of the time.
      const servers = [`nats://127.0.0.1:${port}`, `nats://localhost:${port}`];
      const fromMs = performance.now();
      await expect(busOf(plain, 'edge-a', { servers })).rejects.toMatchObject({ code: 'nats-unreachable' });
      expect(performance.now() - fromMs).toBeLessThan(6_000);
      // It closes once the last connection to it is gone.
      await new Promise((closed) => void stranger.close(closed));
    },
    10_000,
  );

  test('waits for a server that is only just starting', async () => {
    const late = await TestNats.start(GRANTS);
    await late.kill();
    const bus = busOf(late, 'edge-a');
    await late.run();
    expect((await bus).isConnected).toBe(true);
    await (await bus).close();
    await late.remove();
  });

  test('with a credential that this server does not know is refused', async () => {
    await expect(busOf(plain, 'edge-a', { seedFile: secure.seedFile('edge-a') })).rejects.toMatchObject({
      code: 'nats-refused',
      message: expect.stringMatching(/edge-a\.seed: it was revoked, or the server has not loaded the nats\.conf/),
    });
  });

  test.each([
    ['is not there', (folder: string) => join(folder, 'nobody.seed'), /cannot be read/],
    ['holds no seed', (folder: string) => join(folder, 'cert.pem'), /does not hold a seed/],
  ])('with a credential whose file %s is a fault of the configuration', async (_, file, message) => {
    await expect(busOf(plain, 'edge-a', { seedFile: file(plain.folder) })).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(message),
    });
  });

  test('by TLS needs the CA that the server is known by', async () => {
    const bus = await busOf(secure, 'edge-a', { tls: { caFile } });
    expect(bus.isConnected).toBe(true);
    await bus.close();
    await expect(busOf(secure, 'edge-a')).rejects.toMatchObject({ code: 'nats-tls' });
  });

  test.each([
    ['tls is set', { tls: {} }],
    ['the URL says so', {}],
  ])('is not made without TLS where %s', async (_, options) => {
    const servers = [`tls://127.0.0.1:${plain.port}`];
    await expect(busOf(plain, 'edge-a', { servers, ...options })).rejects.toMatchObject({
      code: 'nats-tls',
      message: expect.stringMatching(/does not offer TLS/),
    });
  });
});
