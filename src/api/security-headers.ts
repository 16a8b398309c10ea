/** What no answer does without. Tokens are in the fragments of addresses, and answers are no pages unless they say so. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Those of every answer. Over TLS, RFC 6797: a year of HTTPS only. */
export const securityHeaders = ({ isTls }: { readonly isTls: boolean }): Readonly<Record<string, string>> =>
  isTls ? { ...SECURITY_HEADERS, 'strict-transport-security': 'max-age=31536000' } : SECURITY_HEADERS;

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
