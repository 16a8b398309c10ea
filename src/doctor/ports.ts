import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createServer } from 'node:net';
import { messageOf, systemCode } from '../errors.ts';
import { type Found, ok, problem, warning } from './finding.ts';
import type { Site } from './site.ts';

const ANSWER_WITHIN_MS = 2_000;
const MAX_ANSWER_CHARS = 10_000;

/** What a server says of itself at `/readyz`. */
export interface Readiness {
  readonly ready: boolean;
  readonly message?: string;
}

/** Every port that the process is to listen on: free, or held by a Tollcast that runs. */
export async function ports({ host, http, rtmp, rtmps }: Site): Promise<readonly Found[]> {
  const readiness = await heldByTollcast(host, http.port, http.tls !== undefined);
  return [
    await port('HTTP', host, http.port, readiness),
    ...(rtmp === undefined ? [] : [await port('RTMP', host, rtmp.port, readiness)]),
    ...(rtmps === undefined ? [] : [await port('RTMPS', host, rtmps.port, readiness)]),
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

async function port(protocol: string, host: string, number: number, running: Readiness | undefined): Promise<Found> {
  const where = `${protocol} port ${number} on ${host}`;
  if (number === 0) return ok(`${protocol}: any free port, another one at each start`);
  const code = await listenFault(host, number);
  if (code === undefined) return ok(`${where} is free`);
  if (code === 'EADDRINUSE') {
    if (running === undefined)
      return problem(
        `${where} is held by something that is no Tollcast`,
        'end that, or choose another port in the configuration',
      );
    // That an RTMP port is held by the same process cannot be asked without being refused by it, and logged.
    if (protocol !== 'HTTP') return ok(`${where} is held, as it is by the Tollcast that runs`);
    if (running.ready) return ok(`${where} is held by a Tollcast that runs and is ready`);
    return problem(`${where} is held by a Tollcast that is not ready: ${running.message ?? 'no reason given'}`, 'see its log');
  }
  const remedy =
    code === 'EACCES'
      ? 'ports below 1024 need CAP_NET_BIND_SERVICE: docs/DEPLOYMENT.md, "systemd"'
      : 'set host in the configuration to an address of this machine, or 0.0.0.0 for all';
  return problem(`${where} cannot be listened on (${code})`, remedy);
}

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

/** @throws Error where nothing answers there, or no Tollcast */
export async function readiness(
  base: URL,
  tls: { readonly ca?: Buffer; readonly rejectUnauthorized?: boolean } = {},
): Promise<Readiness> {
  const request = (base.protocol === 'https:' ? httpsRequest : httpRequest)(new URL('readyz', base), {
    ...tls,
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  request.end();
  const [response] = await once(request, 'response');
  let text = '';
  for await (const piece of response.setEncoding('utf8')) {
    text += piece;
    if (text.length > MAX_ANSWER_CHARS) break;
  }
  const said: unknown = JSON.parse(text);
  const status = typeof said === 'object' && said !== null && 'status' in said ? said.status : undefined;
  if (status === 'ready') return { ready: true };
  if (status !== 'not-ready') throw new Error('what answers there is no Tollcast');
  const message = typeof said === 'object' && said !== null && 'message' in said ? String(said.message) : '';
  return { ready: false, message };
}

/** Whether the authority answers at its address. */
export async function authorityReach({ url }: { readonly url: string }, ca: Buffer | undefined): Promise<Found> {
  try {
    const { ready, message } = await readiness(new URL(url.replace(/^ws/, 'http')), ca === undefined ? {} : { ca });
    return ready
      ? ok(`the authority at ${url} answers, and is ready`)
      : warning(`the authority at ${url} is not ready: ${message}`, 'see its log');
  } catch (error) {
    return warning(
      `the authority at ${url} does not answer (${messageOf(error)})`,
      'start it, or correct authority.url and authority.caFile; without it, nobody can broadcast',
    );
  }
}
