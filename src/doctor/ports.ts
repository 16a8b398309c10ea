import { once } from 'node:events';
import { createServer } from 'node:net';
import { messageOf, systemCode, unreachable } from '../errors.ts';
import { type Found, ok, problem } from './finding.ts';
import { type Holder, Holders } from './holders.ts';
import { isRunning } from './ledger.ts';
import { type Readiness, readiness } from './readiness.ts';
import type { Site } from './site.ts';

/** A port that the process is to listen on, and how a finding calls it. */
interface Listener {
  readonly protocol: 'HTTP' | 'media' | 'RTMP' | 'RTMPS';
  readonly number: number;
  readonly where: string;
}

type KnownHolders = Pick<Holders, 'ofPort' | 'ofFolder'>;

/** What runs here already, as far as that can be known. */
interface Present {
  /** What the Tollcast at the HTTP port says, if one is there. */
  readonly answers: Readiness | undefined;
  /** Of the HTTP port. */
  readonly holder: Holder | undefined;
  readonly holders: KnownHolders;
}

/** Every port that the process is to listen on: free, or held, and whether by the server that this configuration would be. */
export async function ports(site: Site, holders: KnownHolders = new Holders()): Promise<readonly Found[]> {
  const { host, http } = site;
  const answers = await heldByTollcast(host, http.port, http.tls !== undefined);
  const present = { answers, holders, holder: holders.ofPort(host, http.port) };
  const listeners = listenersOf(site);
  const faults: (string | undefined)[] = [];
  for (const { number } of listeners) faults.push(number === 0 ? undefined : await listenFault(host, number));
  const found = listeners.map((listener, index) => port(listener, faults[index], site, present));
  const allAreFree = listeners.every(({ number }, index) => number !== 0 && faults[index] === undefined);
  return allAreFree ? [...found, ...elsewhere(site, holders)] : found;
}

function listenersOf({ host, http, mediaPort, rtmp, rtmps }: Site): readonly Listener[] {
  const listener = (protocol: Listener['protocol'], number: number): Listener => {
    return { protocol, number, where: `${protocol} port ${number} on ${host}` };
  };
  return [
    listener('HTTP', http.port),
    ...(mediaPort === undefined ? [] : [listener('media', mediaPort)]),
    ...(rtmp === undefined ? [] : [listener('RTMP', rtmp.port)]),
    ...(rtmps === undefined ? [] : [listener('RTMPS', rtmps.port)]),
  ];
}

/** A server that runs on the same folder elsewhere keeps this configuration from starting, though all its ports are free. */
function elsewhere({ data }: Site, holders: KnownHolders): readonly Found[] {
  if (data === undefined || !isRunning(data)) return [];
  return [
    problem(
      `a server${named(holders.ofFolder(data))} runs on ${data}, and listens on none of these: this cannot start beside it`,
      'name the ports that it has (serve: --http-port, --rtmp-port), or another folder with --data',
    ),
  ];
}

/** The Tollcast that listens there; undefined where none does. A port of 0 is never the same. */
const heldByTollcast = (host: string, atPort: number, isTls: boolean): Promise<Readiness | undefined> =>
  atPort === 0
    ? Promise.resolve(undefined)
    : readiness(new URL(`${isTls ? 'https' : 'http'}://${reachable(host)}:${atPort}`), { rejectUnauthorized: false }).catch(
        () => undefined,
      );

/** Where a server that listens at every address is reached from here. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function port(listener: Listener, fault: string | undefined, site: Site, present: Present): Found {
  const { protocol, number, where } = listener;
  if (number === 0) return ok(`${protocol}: any free port, another one at each start`);
  if (fault === undefined) return ok(`${where} is free`);
  if (fault === 'EADDRINUSE') return held(listener, site, present);
  const remedy =
    fault === 'EACCES'
      ? 'ports below 1024 need CAP_NET_BIND_SERVICE: docs/DEPLOYMENT.md, "systemd"'
      : 'set host in the configuration to an address of this machine, or 0.0.0.0 for all';
  return problem(`${where} cannot be listened on (${fault})`, remedy);
}

function held({ protocol, number, where }: Listener, site: Site, present: Present): Found {
  const holder = protocol === 'HTTP' ? present.holder : present.holders.ofPort(site.host, number);
  const by = whoseIs(protocol, holder, site, present);
  switch (by) {
    case 'its own': {
      const it = site.data === undefined ? 'a Tollcast that runs' : 'the Tollcast that runs on this data folder';
      const found = `${where} is held by ${it}${named(holder)}`;
      return protocol === 'HTTP' ? withReadiness(found, present.answers) : ok(found);
    }
    case 'another': {
      const [folder] = holder?.dataFolders ?? [];
      const it = folder === undefined ? 'another Tollcast' : `the Tollcast of another data folder, ${folder}`;
      return problem(`${where} is held by ${it}${named(holder)}: this cannot start`, 'stop that one, or choose another port');
    }
    case 'no Tollcast':
      return problem(
        `${where} is held by something that is no Tollcast${named(holder)}`,
        'end that, or choose another port in the configuration',
      );
    case 'not known':
      return problem(`${where} is held by another process${named(holder)}`, 'see what it is (ss -ltnp), or choose another port');
    default:
      return unreachable(by);
  }
}

type Whose = 'its own' | 'another' | 'no Tollcast' | 'not known';

/**
 * A server with a data folder is known by that. Without one, an edge is like any other. Where the system does not show who has
 * a port, one that answers as a Tollcast is taken for this folder's if one runs on it; RTMP ports cannot be asked without a line in the log.
 */
function whoseIs(
  protocol: Listener['protocol'],
  holder: Holder | undefined,
  { data }: Site,
  { answers, holder: httpHolder, holders }: Present,
): Whose {
  const isAsked = protocol === 'HTTP' || (holder !== undefined && holder.pid === httpHolder?.pid);
  const isTollcast = isAsked && answers !== undefined;
  if (data === undefined) {
    if (holder !== undefined && holder.dataFolders.length > 0) return 'another';
    if (isTollcast || (holder === undefined && answers !== undefined)) return 'its own';
  } else if (holder === undefined) {
    if (isRunning(data)) return protocol === 'HTTP' && !isTollcast ? 'no Tollcast' : 'its own';
    if (isTollcast) return 'another';
  } else {
    if (holder.pid === holders.ofFolder(data)?.pid) return 'its own';
    if (isTollcast || holder.dataFolders.length > 0) return 'another';
  }
  return protocol === 'HTTP' ? 'no Tollcast' : 'not known';
}

function withReadiness(found: string, answers: Readiness | undefined): Found {
  if (answers === undefined) return problem(`${found}, and does not answer`, 'see its log');
  if (answers.ready) return ok(`${found}, and is ready`);
  return problem(`${found}, and is not ready: ${answers.message ?? 'no reason given'}`, 'see its log');
}

const named = (holder: Holder | undefined): string => (holder === undefined ? '' : ` (${holder.name}, process ${holder.pid})`);

async function listenFault(host: string, atPort: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen({ host, port: atPort, exclusive: true });
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    return systemCode(error) ?? messageOf(error);
  } finally {
    if (server.listening) {
      server.close();
      await once(server, 'close');
    }
  }
}
