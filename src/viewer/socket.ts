import { TollcastError } from '../errors.ts';

/** The part of the standard WebSocket that the client uses: browsers, Node and the `ws` package all have it. */
export interface Socket {
  binaryType: string;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
}

export type OpenSocket = (url: string, subprotocol: string) => Socket;

/** Opens the WebSocket that browsers and Node have built in. */
export const standardSocket: OpenSocket = (url, subprotocol) => new WebSocket(url, subprotocol);

/**
 * An address of the server: `path` under `base`, whose own path is kept, so that a server may live below a prefix. A whole URL
 * stays as it is (an edge on another host).
 * @throws TollcastError `bad-address` if it is no http, https, ws or wss address
 */
export function serverUrl(base: string, path: string, kind: 'http' | 'ws'): string {
  const root = base.endsWith('/') ? base : `${base}/`;
  const relative = path.startsWith('/') && !path.startsWith('//') ? `.${path}` : path;
  const url = URL.canParse(relative, root) ? new URL(relative, root) : undefined;
  const match = url === undefined ? null : /^(?:http|ws)(s?):$/.exec(url.protocol);
  if (url === undefined || match === null) {
    throw new TollcastError('bad-address', `${base} is not the address of a server; one looks like https://video.example`);
  }
  url.protocol = `${kind}${match[1]}:`;
  url.hash = '';
  return url.href;
}
