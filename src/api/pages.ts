import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { pagePolicy } from './security-headers.ts';

/** What `npm run build` makes of src/web: found from here both in the sources and in dist. */
const BUILT = fileURLToPath(new URL('../../dist/web/', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
};

/** The pages, read into memory once: they are few and small. @param frameAncestors origins whose pages may show the watch page in a frame */
export function servePages(app: FastifyInstance, frameAncestors: readonly string[]): void {
  const files = new Map(existsSync(BUILT) ? readdirSync(BUILT).map((name) => [name, readFileSync(join(BUILT, name))]) : []);
  const send = (reply: FastifyReply, name: string, framedBy: readonly string[] = []) => {
    const content = files.get(name);
    if (content === undefined) return reply.code(404).send({ code: 'not-found', message: 'there is no such page' });
    return reply
      .header('content-type', TYPES[extname(name)] ?? 'application/octet-stream')
      .header('cache-control', 'no-cache')
      .header('content-security-policy', pagePolicy(framedBy))
      .send(content);
  };
  app.get('/', (_, reply) => send(reply, 'home.html'));
  app.get('/watch/:program', (_, reply) => send(reply, 'watch.html', frameAncestors));
  app.get('/console', (_, reply) => send(reply, 'console.html'));
  app.get<{ Params: { name: string } }>('/assets/:name', ({ params }, reply) => send(reply, params.name));
}
