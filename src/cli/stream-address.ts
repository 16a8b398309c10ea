/** What OBS calls the stream key, and what follows `rtmp://host/live/` in a URL. */
export const publishPath = (program: string, streamKey: string): string => `${program}?key=${streamKey}`;

/** The page that plays a program. The token is in the fragment, which browsers send to no server. */
export const watchLink = (httpUrl: string, program: string, token: string): string =>
  `${new URL(`watch/${program}`, withSlash(httpUrl))}#token=${token}`;

export const consoleLink = (httpUrl: string, token: string): string => `${new URL('console', withSlash(httpUrl))}#token=${token}`;

/**
 * For somebody on this host. "All addresses" is none to connect to, and to browsers no secure context either, without which there
 * is no WebCrypto.
 */
export const onThisHost = (url: string): string =>
  url.replace(/\/\/0\.0\.0\.0(?=[:/])/, '//127.0.0.1').replace(/\/\/\[::\](?=[:/])/, '//[::1]');

export interface WatchAddress {
  readonly base: string;
  readonly program?: string;
  readonly token?: string;
}

/** What `view` is given: a server's address, or a watch link, which names program and token as well. */
export function parseWatchAddress(address: string): WatchAddress {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const [, prefix, program] = /^(.*)\/watch\/([\w-]+)$/.exec(url?.pathname ?? '') ?? [];
  if (url === undefined || prefix === undefined || program === undefined) return { base: address };
  const token = new URLSearchParams(url.hash.slice(1)).get('token');
  return {
    base: `${url.origin}${prefix}`,
    program,
    ...(token === null ? {} : { token }),
  };
}

const withSlash = (url: string): string => (url.endsWith('/') ? url : `${url}/`);
