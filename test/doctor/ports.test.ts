import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { RelayConfig } from '../../src/config/relay-config.ts';
import type { Holders } from '../../src/doctor/holders.ts';
import { ports } from '../../src/doctor/ports.ts';
import type { Site } from '../../src/doctor/site.ts';
import { type DataLock, lockDataFolder } from '../../src/ledger/lock.ts';
import { freePort } from '../e2e/free-port.ts';
import { newFolder } from '../ledger/support.ts';

let http: Server;
let rtmp: ReturnType<typeof createTcpServer>;
let site: Site;
const { rtmp: RTMP } = RelayConfig.parse({});

/** Something that answers as a Tollcast does. */
beforeEach(async () => {
  const [httpPort, rtmpPort] = [await freePort(), await freePort()];
  http = createServer((_, response) => response.end('{"status":"ready"}')).listen(httpPort, '127.0.0.1');
  rtmp = createTcpServer().listen(rtmpPort, '127.0.0.1');
  await Promise.all([once(http, 'listening'), once(rtmp, 'listening')]);
  const listeners = { http: { port: httpPort }, rtmp: { ...RTMP, port: rtmpPort } };
  site = { role: 'relay', host: '127.0.0.1', ...listeners, data: newFolder(), issuers: [], natsRoles: [] };
});
afterEach(() => {
  http.close();
  rtmp.close();
});

/** A system that does not show who has what. */
const nobody = { ofPort: () => undefined, ofFolder: () => undefined };
const states = async (of: Site, holders: Pick<Holders, 'ofPort' | 'ofFolder'> = nobody): Promise<string[]> =>
  (await ports(of, holders)).map(({ state, found }) => `${state}: ${found.replace(/port \d+ on \S+ /, '')}`);

function holding<T>(folder: string, run: () => Promise<T>): Promise<T> {
  const lock: DataLock = lockDataFolder(folder);
  return run().finally(() => lock.release());
}

test("where the system does not show who has a port, it is this folder's server's if one runs on the folder", async () => {
  expect(await states(site)).toEqual([
    'problem: HTTP is held by another Tollcast: this cannot start',
    'problem: RTMP is held by another process',
  ]);
  expect(await holding(site.data ?? '', () => states(site))).toEqual([
    'ok: HTTP is held by the Tollcast that runs on this data folder, and is ready',
    'ok: RTMP is held by the Tollcast that runs on this data folder',
  ]);
});

test('a server without a data folder is known by what it answers, and one with a folder is no edge', async () => {
  const { data: _, ...edge } = site;
  const one = { pid: 1, name: 'node', dataFolders: [] };
  expect(await states(edge, { ...nobody, ofPort: () => one })).toEqual([
    'ok: HTTP is held by a Tollcast that runs (node, process 1), and is ready',
    'ok: RTMP is held by a Tollcast that runs (node, process 1)',
  ]);
  const another = 'is held by the Tollcast of another data folder, /srv/data (node, process 1): this cannot start';
  expect(await states(edge, { ...nobody, ofPort: () => ({ ...one, dataFolders: ['/srv/data'] }) })).toEqual([
    `problem: HTTP ${another}`,
    `problem: RTMP ${another}`,
  ]);
  const two = { ofPort: (_host: string, port: number) => ({ ...one, pid: port }), ofFolder: () => undefined };
  expect((await states(edge, two))[1]).toMatch(/^problem: RTMP is held by another process \(node, process \d+\)$/);
});

test('a server on this folder that has none of the ports keeps this from starting', async () => {
  http.close();
  rtmp.close();
  await Promise.all([once(http, 'close'), once(rtmp, 'close')]);
  expect(await states(site)).toHaveLength(2);
  expect((await holding(site.data ?? '', () => states(site)))[2]).toMatch(/^problem: a server runs on .* none of these/);
});
