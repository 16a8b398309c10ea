import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { pagePolicy } from '../../src/api/security-headers.ts';

const WEB = fileURLToPath(new URL('../../src/web/', import.meta.url));

/** As src/api serves the pages: whatever the page does must do without inline code and styles. */
const CONTENT_SECURITY_POLICY = pagePolicy([]);

/** Serves the watch page as a build would have it. */
export async function servedPage(): Promise<{ serve: RequestListener; bundleBytes: number }> {
  const bundled = await build({
    entryPoints: [`${WEB}watch.ts`],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  const script = bundled.outputFiles[0]?.contents ?? new Uint8Array();
  const files = new Map<string, { type: string; content: Uint8Array }>([
    ['/watch/news', { type: 'text/html; charset=utf-8', content: await readFile(`${WEB}watch.html`) }],
    ['/assets/base.css', { type: 'text/css', content: await readFile(`${WEB}base.css`) }],
    ['/assets/watch.css', { type: 'text/css', content: await readFile(`${WEB}watch.css`) }],
    ['/assets/favicon.svg', { type: 'image/svg+xml', content: await readFile(`${WEB}favicon.svg`) }],
    ['/assets/watch.js', { type: 'text/javascript', content: script }],
  ]);
  return {
    bundleBytes: script.length,
    serve: (request, response) => {
      const file = files.get(request.url ?? '');
      if (file === undefined) {
        response.writeHead(404).end();
        return;
      }
      response.writeHead(200, { 'content-type': file.type, 'content-security-policy': CONTENT_SECURITY_POLICY });
      response.end(file.content);
    },
  };
}
