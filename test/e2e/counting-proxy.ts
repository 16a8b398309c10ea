import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands before a server on the loopback interface, and counts or keeps every byte that passes in either direction. */
export class CountingProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #bytes = 0;
  #kept: Buffer[] | undefined;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(toPort: number): Promise<CountingProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP port');
    const proxy = new CountingProxy(server, address.port);
    server.on('connection', (socket) => proxy.#join(socket, connect(toPort, '127.0.0.1')));
    return proxy;
  }

  /** Both directions together, since the start. */
  get bytes(): number {
    return this.#bytes;
  }

  /** From here on what passes is kept. */
  keep(): void {
    this.#kept ??= [];
  }

  get kept(): Buffer {
    return Buffer.concat(this.#kept ?? []);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(one: Socket, other: Socket): void {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (data: Buffer) => {
        this.#bytes += data.length;
        this.#kept?.push(data);
        to.write(data);
      });
      from.on('error', () => undefined);
      from.once('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
