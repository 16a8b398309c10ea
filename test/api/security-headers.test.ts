import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { localBus } from '../../src/bus/local-bus.ts';
import { openDataFolder } from '../../src/config/data-folder.ts';
import { RelayConfig, type RelayConfigInput } from '../../src/config/relay-config.ts';
import { authorityRole } from '../../src/roles/authority-role.ts';
import { type Running, running } from '../../src/roles/host.ts';
import { httpRole } from '../../src/roles/http-role.ts';
import { signOperatorToken } from '../../src/tokens/operator-token.ts';
import { newFolder } from '../ledger/support.ts';

const ALWAYS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

interface Server extends Running {
  readonly url: string;
  /** `GET /v1/programs` … */
  readonly routes: readonly (readonly [method: string, path: string])[];
  readonly operator: string;
}

async function serve(input: RelayConfigInput): Promise<Server> {
  const config = RelayConfig.parse({ ...input, http: { ...input.http, port: 0 } });
  const data = openDataFolder(newFolder());
  const operator = await signOperatorToken(60, data.tokenSecret);
  return running(pino({ level: 'silent' }), async (host) => {
    const http = httpRole(host, { ...config, pingMs: 60_000 });
    const routes: [string, string][] = [];
    http.app.addHook('onRoute', ({ method, path }) => {
      for (const each of [method].flat()) routes.push([each, path]);
    });
    const { authority, sockets } = await authorityRole(host, { config, data, bus: localBus(), http });
    host.onClose(() => authority.close());
    for (const path of ['/healthz', '/readyz', '/metrics']) routes.push(['GET', path]);
    return { url: await http.listen(sockets), routes, operator };
  });
}

/** `script-src` and its sources, and so on. */
const policyOf = ({ headers }: Response): Map<string, string> =>
  new Map(
    (headers.get('content-security-policy') ?? '').split('; ').map((directive) => {
      const [name = '', ...sources] = directive.split(' ');
      return [name, sources.join(' ')];
    }),
  );

describe('every answer over HTTP', () => {
  let server: Server;

  beforeAll(async () => {
    server = await serve({});
  });
  afterAll(() => server.close());

  test('has the security headers and a policy without anything inline, of every route and every kind', async () => {
    expect(server.routes.length).toBeGreaterThanOrEqual(9);
    const paths = server.routes.map(([method, path]) => [method, path.replace(':name', 'watch.js').replace(/:\w+/, 'news')]);
    const authorization = { authorization: `Bearer ${server.operator}` };
    const asked: [string, string, RequestInit][] = [
      ...paths.flatMap(([method = '', path = '']): [string, string, RequestInit][] => [
        [method, path, {}],
        [method, path, { headers: authorization }],
        ['POST', path, { body: 'x'.repeat(20_000) }],
        ['POST', path, { body: '{', headers: { 'content-type': 'application/json' } }],
      ]),
      ['GET', '/nothing', {}],
      ['GET', '/watch/%ff', {}],
      ['GET', '/assets/../package.json', {}],
    ];
    const statuses = new Set<number>();
    for (const [method, path, options] of asked) {
      const response = await fetch(`${server.url}${path}`, { method, ...options });
      statuses.add(response.status);
      const what = `${method} ${path} ${response.status}`;
      const headers = Object.fromEntries(Object.keys(ALWAYS).map((name) => [name, response.headers.get(name)]));
      expect({ what, ...headers }).toEqual({ what, ...ALWAYS });
      expect({ what, hsts: response.headers.get('strict-transport-security') }).toEqual({ what, hsts: null });
      const policy = policyOf(response);
      expect({ what, policy: policy.get('default-src') }).toEqual({ what, policy: "'none'" });
      expect({ what, frames: policy.get('frame-ancestors') }).toEqual({ what, frames: "'none'" });
      expect({ what, policy: response.headers.get('content-security-policy') }).toEqual({
        what,
        policy: expect.not.stringMatching(/unsafe|\*|https?:/),
      });
      const isPage = /html|javascript|css|svg/.test(response.headers.get('content-type') ?? '');
      expect({ what, cache: response.headers.get('cache-control') }).toEqual({ what, cache: isPage ? 'no-cache' : 'no-store' });
      await response.arrayBuffer();
    }
    expect([...statuses].sort()).toEqual(expect.arrayContaining([200, 401, 404]));
    expect([...statuses].every((status) => status < 500)).toBe(true);
  }, 20_000);

  test('that refuses a socket has them too', async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.write('GET /v1/nothing HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    for (const [name, value] of Object.entries(ALWAYS)) expect(answer).toMatch(`\r\n${name}: ${value}\r\n`);
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 'not-found' });
  });
});

test('the watch page may be framed by the origins that are configured, and by no other; the console never', async () => {
  const server = await serve({ http: { frameAncestors: ['https://shop.example', 'https://*.tv.example'] } });
  const framed = async (path: string) => policyOf(await fetch(`${server.url}${path}`)).get('frame-ancestors');
  expect(await framed('/watch/news')).toBe('https://shop.example https://*.tv.example');
  for (const path of ['/console', '/assets/watch.js', '/v1/programs']) expect(await framed(path)).toBe("'none'");
  await server.close();
});

test.each(["'self'", '*', 'https://a.example; script-src *', 'https://a.example/path', 'javascript:x', 'https://'])(
  'no configuration lets pages of "%s" frame anything',
  (origin) => {
    expect(RelayConfig.safeParse({ http: { frameAncestors: [origin] } }).success).toBe(false);
  },
);
