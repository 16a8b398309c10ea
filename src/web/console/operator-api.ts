import { decodeJwt } from 'jose';
import * as z from 'zod';
import { messageOf, TollcastError } from '../../errors.ts';
import { type LiveViewing, LiveViewingList } from '../../protocol/live-viewing.ts';
import type { ProgramInfo } from '../../protocol/messages.ts';
import { fetchPrograms } from '../../viewer/programs.ts';
import { serverUrl } from '../../viewer/socket.ts';

/** From a request to its answer. A relay that takes longer is one that the operator should hear about. */
const ANSWER_WITHIN_MS = 5_000;

export type Health = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** `GET /readyz`, with status 200 or 503. */
const Readiness = z.discriminatedUnion('status', [
  z.object({ status: z.literal('ready') }),
  z.object({ status: z.literal('not-ready'), message: z.string() }),
]);

/** All that the console shows, asked for at one time. */
export interface Snapshot {
  readonly health: Health;
  readonly programs: readonly ProgramInfo[];
  readonly viewings: readonly LiveViewing[];
}

/** The relay's HTTP API as an operator uses it (docs/PROTOCOL.md, "HTTP"). */
export class OperatorApi {
  readonly #base: string;
  readonly #token: string;

  /** @param base the relay's address, with the prefix below which it lives, if any */
  constructor(base: string, token: string) {
    this.#base = base;
    this.#token = token;
  }

  /** @throws TollcastError `unreachable`, `protocol-violation`, `token-expired`, `token-invalid` */
  async snapshot(): Promise<Snapshot> {
    const [health, programs, viewings] = await Promise.all([this.#health(), fetchPrograms(this.#base), this.#viewings()]);
    return { health, programs, viewings };
  }

  /**
   * Ends a viewing at once. One that has ended meanwhile is as good as revoked.
   * @throws TollcastError as `snapshot` does
   */
  async revoke(viewing: string): Promise<void> {
    const response = await this.#request('DELETE', `/v1/viewings/${encodeURIComponent(viewing)}`);
    if (!response.ok && response.status !== 404) throw unexpectedStatus(response);
  }

  async #viewings(): Promise<readonly LiveViewing[]> {
    const response = await this.#request('GET', '/v1/viewings');
    if (!response.ok) throw unexpectedStatus(response);
    return (await parsed(response, LiveViewingList)).viewings;
  }

  async #health(): Promise<Health> {
    const response = await this.#request('GET', '/readyz');
    if (!response.ok && response.status !== 503) throw unexpectedStatus(response);
    const readiness = await parsed(response, Readiness);
    return readiness.status === 'ready' ? { ready: true } : { ready: false, reason: readiness.message };
  }

  async #request(method: 'GET' | 'DELETE', path: string): Promise<Response> {
    const url = serverUrl(this.#base, path, 'http');
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${this.#token}` },
      cache: 'no-store',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    }).catch((cause) => {
      throw new TollcastError('unreachable', `cannot reach ${url}: ${messageOf(cause)}`, { cause });
    });
    if (response.status === 401) throw refusedToken(this.#token);
    return response;
  }
}

/** The relay does not say which it is; the token itself does. */
function refusedToken(token: string): TollcastError {
  return (expiryMs(token) ?? Number.POSITIVE_INFINITY) <= Date.now()
    ? new TollcastError('token-expired', 'the operator token has expired')
    : new TollcastError('token-invalid', 'the relay does not accept this operator token');
}

function expiryMs(token: string): number | undefined {
  try {
    const { exp } = decodeJwt(token);
    return exp === undefined ? undefined : exp * 1_000;
  } catch {
    return undefined;
  }
}

/** A proxy before a relay that is gone answers for it. */
const unexpectedStatus = ({ status, url }: Response): TollcastError =>
  new TollcastError('unreachable', `${url} answered with status ${status}`);

async function parsed<T>(response: Response, schema: z.ZodType<T>): Promise<T> {
  const text = await response.text().catch((cause) => {
    throw new TollcastError('unreachable', `the answer of ${response.url} broke off: ${messageOf(cause)}`, { cause });
  });
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TollcastError('protocol-violation', `${response.url} answered with something else than expected`, { cause });
  }
}
