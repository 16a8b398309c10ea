import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Every TCP socket of an HTTP server. Node's own list leaves out those that were upgraded, or asked to be and were not yet
 * answered: one of them would keep the server from closing for as long as its peer likes.
 */
export class OpenSockets {
  readonly #sockets = new Set<Socket>();
  #isOver = false;

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      if (this.#isOver) {
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Those that are open, and those that come after. */
  destroy(): void {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}
