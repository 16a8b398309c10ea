import type { Server } from 'node:http';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { serveAuthority } from '../../../src/api/authority-routes.ts';
import { servePages } from '../../../src/api/pages.ts';
import { kidOf } from '../../../src/tokens/token-secret.ts';
import { anHttpServer } from '../../api/an-http-server.ts';
import type { Random } from '../../sim/random.ts';
import { hs256, inputOf, mutatedCompact, signedCompact } from '../jose/compact.ts';
import { mutatedText } from '../mutation.ts';
import { Outcomes } from '../outcomes.ts';
import { AuthorityWorld, STREAM_KEY_HASH, TOKEN_SECRET, viewerToken } from '../protocol/authority-world.ts';
import type { FuzzSession, FuzzTarget } from '../target.ts';
import { firstResponse, RawConnection, type RawResponse } from './raw-http.ts';
import { madeRequest, requestBytes } from './requests.ts';

/** docs/PROTOCOL.md, "HTTP". */
const CODES: Readonly<Record<number, readonly string[]>> = {
  400: ['bad-request'],
  408: ['bad-request'],
  401: ['unauthorized'],
  404: ['not-found', 'viewing-unknown'],
  413: ['bad-request'],
  415: ['bad-request'],
  431: ['bad-request'],
};

const OPERATOR = signedCompact(
  { alg: 'HS256', typ: 'operator+jwt', kid: kidOf(TOKEN_SECRET) },
  { iss: 'tollcast', aud: 'tollcast', sub: 'operator', jti: 'o', exp: Math.floor(Date.now() / 1_000) + 10 * 365 * 86_400 },
  hs256(TOKEN_SECRET),
);

/** Whether it is the operator's token, be its signature written otherwise: the last of 43 characters has bits that encode nothing. */
function isAuthorization(value: string | undefined): boolean {
  const token = /^Bearer (\S+)$/i.exec(value ?? '')?.[1] ?? '';
  const [signature, own] = [token, OPERATOR].map((text) => Buffer.from(text.slice(inputOf(text).length + 1), 'base64url'));
  return inputOf(token) === inputOf(OPERATOR) && own?.equals(signature ?? Buffer.alloc(0)) === true;
}

/** The HTTP API, beside a viewing that goes on: documented answers only, nothing secret in them, nothing changed by who may not. */
class HttpSession implements FuzzSession {
  readonly outcomes = new Outcomes();
  readonly #world: AuthorityWorld;
  readonly #app: FastifyInstance;
  readonly #targets: readonly string[];
  readonly #secrets: readonly string[];
  #inputs = 0;

  private constructor(world: AuthorityWorld, app: FastifyInstance) {
    this.#world = world;
    this.#app = app;
    const { viewing, token } = world.honest;
    this.#targets = [
      '/v1/programs',
      '/v1/viewings',
      `/v1/viewings/${viewing}`,
      '/healthz',
      '/readyz',
      '/',
      '/watch/news',
      '/console',
      '/assets/watch.js',
      '/v1/control',
    ];
    const secret = Buffer.from(TOKEN_SECRET);
    this.#secrets = [secret.toString('base64url'), secret.toString('hex'), STREAM_KEY_HASH, token, OPERATOR];
  }

  static async open(): Promise<HttpSession> {
    const world = new AuthorityWorld();
    await world.broadcast();
    await world.watch();
    const { app } = anHttpServer(world.faults.log, ['https://shop.example'], world.process);
    serveAuthority(app, world.authority, world.tokens);
    servePages(app, []);
    await app.ready();
    return new HttpSession(world, app);
  }

  async input(random: Random): Promise<void> {
    if (++this.#inputs % 20 === 0) await this.#world.pass(random.pick([1, 20, 100]));
    const made = madeRequest(random, random.chance(0.001) ? ['/metrics'] : this.#targets, () => this.#authorization(random));
    const authorization = made.headers.find(([name]) => name === 'authorization')?.[1];
    const isOperator = isAuthorization(authorization);
    // Who may end it is no attacker.
    if (isOperator && made.method === 'DELETE') return;
    if (random.chance(0.15)) await this.#raw(requestBytes(random, isOperator ? { ...made, headers: [] } : made), random);
    else await this.#injected(made, isOperator);
    this.#world.check();
  }

  async close(): Promise<void> {
    this.outcomes.set('epochs of the honest viewer', this.#world.honest.epochs);
    await this.#app.close();
    await this.#world.close();
  }

  async #injected({ method, target, headers, body }: ReturnType<typeof madeRequest>, isOperator: boolean): Promise<void> {
    const request = { method, url: target, headers: Object.fromEntries(headers), payload: body } as InjectOptions;
    let answer: RawResponse;
    try {
      const { statusCode, headers: answered, body: text } = await this.#app.inject(request);
      answer = {
        status: statusCode,
        headers: new Map(Object.entries(answered).map(([name, value]) => [name, String(value)])),
        body: text,
      };
    } catch (error) {
      // What no client could send, the one that makes it here does not either.
      this.outcomes.count(`not sent: ${(error as Error).constructor.name}`);
      return;
    }
    this.#look(method, target, answer, isOperator);
  }

  async #raw(bytes: Buffer, random: Random): Promise<void> {
    const connection = new RawConnection(this.#app.server as Server);
    const cut = random.chance(0.2) ? random.between(0, bytes.length) : bytes.length;
    connection.write(bytes.subarray(0, cut));
    if (cut < bytes.length) await connection.quiet();
    connection.write(bytes.subarray(cut));
    if (random.chance(0.5)) connection.end();
    await connection.quiet();
    await this.#world.work.done();
    await connection.quiet();
    const { received } = connection;
    if (received.length === 0) this.outcomes.count('raw: no answer yet');
    else this.#look('raw', bytes.toString('latin1'), firstResponse(received), false);
    connection.destroy();
  }

  #look(method: string, target: string, { status, headers, body }: RawResponse, isOperator: boolean): void {
    const about = `${method} ${target.slice(0, 400)}: ${status} ${body.slice(0, 300)}`;
    if (this.#secrets.some((secret) => body.includes(secret))) throw new Error(`it tells a secret: ${about}`);
    const { contentKey, viewing } = this.#world.honest;
    if (contentKey !== undefined && body.includes(Buffer.from(contentKey).toString('base64url')))
      throw new Error(`it tells a key: ${about}`);
    if (!isOperator && body.includes('"viewer"') && body.includes(viewing)) throw new Error(`it tells who watches: ${about}`);
    if (status === 100) return;
    if (headers.get('x-content-type-options') !== 'nosniff') throw new Error(`without the security headers: ${about}`);
    let code = '';
    if (status >= 300 && status !== 304) {
      if (method !== 'HEAD' && body !== '') code = JSON.parse(body).code;
      const isHead = method === 'HEAD' || body === '';
      if (!(isHead ? status in CODES : CODES[status]?.includes(code))) throw new Error(`no documented answer: ${about}`);
    }
    this.outcomes.count(`${method === 'raw' ? 'raw: ' : ''}${status} ${code}`.trim());
  }

  #authorization(random: Random): string | undefined {
    if (random.chance(0.4)) return undefined;
    if (random.chance(0.1)) return `Bearer ${OPERATOR}`;
    const token = mutatedCompact(random, OPERATOR, [viewerToken('mallory')]);
    const value = random.pick([
      `Bearer ${token}`,
      `Bearer ${viewerToken('mallory')}`,
      `Basic ${token}`,
      'Bearer',
      mutatedText(random, `Bearer ${token}`),
    ]);
    return value;
  }
}

export const http: FuzzTarget = {
  name: 'http',
  description: "the HTTP API, viewers' and operators', as requests and as bytes",
  open: () => HttpSession.open(),
};
