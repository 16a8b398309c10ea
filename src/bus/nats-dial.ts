import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect, type NatsConnection } from '@nats-io/transport-node';

/** Where Node tells of each TCP socket that is made to connect somewhere. */
const SOCKETS = 'net.client.socket';
const attempts = new AsyncLocalStorage<object>();

/**
 * One attempt at a first connection, which takes no longer than that whatever the other side does, and leaves nothing behind where it
 * fails. The client itself gives each address so much time, and keeps the socket of one that accepts and says nothing: it would keep
 * the process alive.
 * @throws Error of the client; `TimeoutError` where time was up
 */
export async function dial(options: ConnectionOptions, withinMs: number): Promise<NatsConnection> {
  const attempt = {};
  const sockets = new Set<Socket>();
  let isOver = false;
  const end = () => {
    isOver = true;
    for (const socket of sockets) socket.destroy();
  };
  const seen = (message: unknown) => {
    if (attempts.getStore() !== attempt) return;
    const { socket } = message as { readonly socket: Socket };
    sockets.add(socket);
    // The client's next address: it is told at once that there is nothing there.
    if (isOver) process.nextTick(() => socket.destroy());
  };
  const timeUp = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    end();
    timeUp.reject(new DOMException('no answer as NATS gives it', 'TimeoutError'));
  }, withinMs);
  subscribe(SOCKETS, seen);
  const connecting = attempts.run(attempt, () => connect({ ...options, timeout: withinMs + GRACE_MS }));
  // What still connects then is too late; its next sockets are looked after until it has given up.
  const done = connecting.then(
    (connection) => (isOver ? connection.close() : undefined),
    () => end(),
  );
  void done.finally(() => unsubscribe(SOCKETS, seen)).catch(() => undefined);
  try {
    return await Promise.race([connecting, timeUp.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The client's own limit comes after ours. */
const GRACE_MS = 100;
