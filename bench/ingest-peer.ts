import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../test/e2e/free-port.ts';

/**
 * Started as a process of its own: what ingest is compared with. `discard` reads and forgets; `node-media-server` is the server of the
 * package whose parser Tollcast uses, as it is.
 */
export type PeerKind = 'discard' | 'node-media-server';

/** Sent once it listens, and again for each message that it is sent. */
export interface PeerReport {
  readonly port: number;
  readonly cpuSeconds: number;
}

async function serve(kind: PeerKind): Promise<number> {
  if (kind === 'discard') {
    const server = createServer((socket) => socket.on('data', () => undefined).on('error', () => undefined));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return (server.address() as AddressInfo).port;
  }
  const { default: NodeMediaServer } = await import('node-media-server');
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'tollcast-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const server = new NodeMediaServer({ bind: '127.0.0.1', rtmp: { port }, store: { path: folder }, static: {}, auth: {} });
  server.run();
  return port;
}

const port = await serve(process.argv[2] as PeerKind);
const report = () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ port, cpuSeconds: (user + system) / 1e6 } satisfies PeerReport);
};
process.on('message', report);
process.on('disconnect', () => process.exit());
report();
