import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply } from 'fastify';

/** What `npm run build` makes of src/web: found from here both in the sources and in dist. */
const BUILT = fileURLToPath(new URL('../../dist/web/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
};

/** Nothing inline, nothing from elsewhere; media through MSE are blobs. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; media-src blob:; connect-src 'self' ws: wss:; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'";

/** The pages, read into memory once: they are few and small. */
export function servePages(app: FastifyInstance): void {
  const files = new Map(existsSync(BUILT) ? readdirSync(BUILT).map((name) => [name, readFileSync(join(BUILT, name))]) : []);
  const send = (reply: FastifyReply, name: string) => {
    const content = files.get(name);
    if (content === undefined) return reply.code(404).send({ code: 'not-found', message: 'there is no such page' });
    return reply
      .header('content-type', TYPES[extname(name)] ?? 'application/octet-stream')
      .header('cache-control', 'no-cache')
      .header('content-security-policy', CONTENT_SECURITY_POLICY)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .send(content);
  };
  app.get('/', (_, reply) => send(reply, 'home.html'));
  app.get('/watch/:program', (_, reply) => send(reply, 'watch.html'));
  app.get('/console', (_, reply) => send(reply, 'console.html'));
  app.get<{ Params: { name: string } }>('/assets/:name', ({ params }, reply) => send(reply, params.name));
}
