import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { localBus } from '../src/bus/local-bus.ts';
import { systemClock, systemTimers } from '../src/clock.ts';
import { FanOut } from '../src/edge/fan-out.ts';
import { Flag } from '../src/media/chunk.ts';
import { CACHE_LIMITS } from '../src/media/keyframe-cache.ts';
import type { Benchmark } from './table.ts';

const BITS_PER_SECOND = 2_700_000;
const FRAMES_PER_SECOND = 25;

/**
 * CPU a GB of the edge's fan-out, sockets of the kernel included, beside a floor in the same process that writes the same bytes to
 * plain sockets every 100 ms. The viewers are drained in the same process too: what they cost is in both, so read the ratio.
 */
export const fanOut: Benchmark = async ({ smoke, note }) => {
  const rows = [];
  for (const viewers of smoke ? [5] : [10, 100, 300]) {
    note(`${viewers} viewers`);
    const seconds = smoke ? 0.3 : 5;
    const ours = await ourCost(viewers, seconds);
    const floor = await floorCost(viewers, seconds);
    rows.push([viewers, ours, floor, ours / floor]);
  }
  return { columns: ['viewers', 'fan-out, CPU s/GB', 'floor, CPU s/GB', 'ratio'], rows };
};

async function ourCost(viewers: number, seconds: number): Promise<number> {
  const bus = localBus();
  const limits = {
    maxBatchMs: 100,
    maxSocketBytes: 4_194_304,
    tooSlowMs: 10_000,
    servedReportMs: 2_000,
    joinCache: CACHE_LIMITS,
  };
  const edge = new FanOut('bench', 'news', systemClock(), systemTimers, limits, bus);
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  let opened = 0;
  server.on('connection', (socket) => {
    const viewing = `v${opened++}`;
    edge.gate({ kind: 'open', program: 'news', viewing, epoch: 1, catchUp: true });
    edge.attach(viewing, {
      isOpen: true,
      get bufferedBytes() {
        return socket.bufferedAmount;
      },
      send: (message) => socket.send(message),
      close: () => socket.close(),
    });
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: viewers }, () => new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false }));
  await Promise.all(clients.map((client) => once(client, 'open')));
  let counter = 0;
  const frame = Buffer.alloc(BITS_PER_SECOND / 8 / FRAMES_PER_SECOND);
  const cost = await cpuPerGb(seconds, 1_000 / FRAMES_PER_SECOND, () => {
    const flags = counter % 50 === 0 ? Flag.keyframe : 0;
    bus.chunks.publish('news', { epoch: 1, counter: counter++, flags, bytes: frame });
    return frame.length * viewers;
  });
  for (const client of clients) client.terminate();
  edge.close();
  server.close();
  return cost;
}

async function floorCost(viewers: number, seconds: number): Promise<number> {
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: viewers }, () => connect(port, '127.0.0.1').on('data', () => undefined));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  const batch = Buffer.alloc(BITS_PER_SECOND / 8 / 10);
  const cost = await cpuPerGb(seconds, 100, () => {
    for (const socket of accepted) socket.write(batch);
    return batch.length * accepted.length;
  });
  for (const socket of [...clients, ...accepted]) socket.destroy();
  server.close();
  return cost;
}

/** CPU seconds of this process for each GB that `tick`, called at an interval, says it sent. */
async function cpuPerGb(seconds: number, everyMs: number, tick: () => number): Promise<number> {
  const done = Promise.withResolvers<void>();
  const before = process.cpuUsage();
  let bytes = 0;
  const timer = setInterval(() => {
    bytes += tick();
  }, everyMs);
  setTimeout(done.resolve, seconds * 1_000);
  await done.promise;
  clearInterval(timer);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6 / (bytes / 1e9);
}
