import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What floor.c does, where there is no compiler. */

const [intervalMs = 0, bytes = 0] = process.argv.slice(2).map(Number);
const payload = Buffer.alloc(bytes);
const sockets = new Set<Socket>();
const server = createServer((socket) => {
  sockets.add(socket.setNoDelay().resume());
  socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
setInterval(() => {
  for (const socket of sockets) if (socket.writableLength === 0) socket.write(payload);
}, intervalMs);
