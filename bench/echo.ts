import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hostMs, PICTURE_MS } from './stamped-stream.ts';

const PICTURE_BYTES = 12_330;

/** How long a picture's bytes take through a process that sends back what it reads, one picture after another. @returns milliseconds */
export async function echoed(forMs: number): Promise<number[]> {
  const child = fork(fileURLToPath(import.meta.url), ['serve']);
  const [port] = await once(child, 'message');
  const socket = connect(Number(port), '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  const sentMs: number[] = [];
  const delaysMs: number[] = [];
  let bytes = 0;
  socket.on('data', ({ length }) => {
    bytes += length;
    while (bytes >= PICTURE_BYTES * (delaysMs.length + 1)) delaysMs.push(hostMs() - (sentMs[delaysMs.length] ?? 0));
  });
  for (const untilMs = performance.now() + forMs; performance.now() < untilMs; await pause(PICTURE_MS)) {
    sentMs.push(hostMs());
    socket.write(Buffer.alloc(PICTURE_BYTES));
  }
  await pause(PICTURE_MS);
  socket.destroy();
  child.kill();
  await once(child, 'exit');
  return delaysMs;
}

if (process.argv[2] === 'serve') {
  const server = createServer((socket) => socket.setNoDelay().pipe(socket));
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.on('disconnect', () => process.exit());
}
