import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { Heartbeat } from '../../src/api/heartbeat.ts';
import { systemTimers } from '../../src/clock.ts';

const PINGS = 90;

test('a socket may ping now and then, and is ended if it goes on and on, however fast it is answered', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new WebSocketServer({ server });
  const heartbeat = new Heartbeat(systemTimers, 60_000);
  sockets.on('connection', (socket) => heartbeat.watch(socket));
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const ended = once(client, 'close');
  await once(client, 'open');
  for (let sent = 0; sent < PINGS; sent++) {
    client.ping();
    await once(client, 'pong');
  }
  expect(client.readyState).toBe(client.OPEN);
  for (let sent = 0; sent < PINGS && client.readyState === client.OPEN; sent++) {
    client.ping();
    await Promise.race([once(client, 'pong'), ended]);
  }
  await ended;
  expect(heartbeat.size).toBe(0);
  heartbeat.stop();
  sockets.close();
  server.close();
}, 10_000);
