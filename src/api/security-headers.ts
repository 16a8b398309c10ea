import type { FastifyInstance } from 'fastify';

/** What no answer does without. Tokens are in the fragments of addresses, and answers are no pages unless they say so. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** RFC 6797: a year of HTTPS only. */
export const STRICT_TRANSPORT = ['strict-transport-security', 'max-age=31536000'] as const;

/** Puts them on every answer; a route that says something else itself is left to say it. */
export function secureAnswers(app: FastifyInstance, { isTls }: { readonly isTls: boolean }): void {
  const headers = [...Object.entries(SECURITY_HEADERS), ...(isTls ? [STRICT_TRANSPORT] : [])];
  app.addHook('onSend', async (_, reply) => {
    for (const [name, value] of headers) if (!reply.hasHeader(name)) reply.header(name, value);
  });
}

/** Of a page: nothing inline, nothing from elsewhere. Media through MSE are blobs; edges may be on any host. @param frameAncestors origins whose pages may frame it */
export const pagePolicy = (frameAncestors: readonly string[]): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    'media-src blob:',
    "connect-src 'self' ws: wss:",
    `frame-ancestors ${frameAncestors.length === 0 ? "'none'" : frameAncestors.join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
