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
  /** Where viewers get FLV over WebSocket, of node-media-server. */
  readonly httpPort: number;
  readonly cpuSeconds: number;
}

async function serve(kind: PeerKind): Promise<Pick<PeerReport, 'port' | 'httpPort'>> {
  if (kind === 'discard') {
    const server = createServer((socket) => socket.on('data', () => undefined).on('error', () => undefined));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return { port: (server.address() as AddressInfo).port, httpPort: 0 };
  }
  const { default: NodeMediaServer } = await import('node-media-server');
  const [port, httpPort] = [await freePort(), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), 'tollcast-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const server = new NodeMediaServer({
    bind: '127.0.0.1',
    rtmp: { port },
    http: { port: httpPort },
    store: { path: folder },
    static: {},
    auth: {},
  });
  server.run();
  return { port, httpPort };
}

const ports = await serve(process.argv[2] as PeerKind);
const report = () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ ...ports, cpuSeconds: (user + system) / 1e6 } satisfies PeerReport);
};
process.on('message', report);
process.on('disconnect', () => process.exit());
report();
