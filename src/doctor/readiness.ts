import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { messageOf } from '../errors.ts';
import { type Found, ok, warning } from './finding.ts';

const ANSWER_WITHIN_MS = 2_000;
const MAX_ANSWER_CHARS = 10_000;

/** What a server says of itself at `/readyz`. */
export interface Readiness {
  readonly ready: boolean;
  readonly message?: string;
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
