/** What a watch page's address says: `…/watch/PROGRAM#token=TOKEN&autoplay=1`. */
export interface WatchLink {
  /** The server's address: what precedes `/watch/`. */
  readonly base: string;
  readonly program: string;
  /** In the fragment, which browsers do not send to servers and servers do not log. */
  readonly token: string | undefined;
  /** Whoever gave out the link has the viewer's consent: begin at once, without sound. */
  readonly autoplay: boolean;
}

/** Undefined if it is not the address of a watch page. */
export function parseWatchLink(address: string): WatchLink | undefined {
  const url = new URL(address);
  const match = /^(.*)\/watch\/([^/]+)\/?$/.exec(url.pathname);
  const [, prefix, encoded] = match ?? [];
  if (prefix === undefined || encoded === undefined) return undefined;
  const program = decoded(encoded);
  if (program === undefined) return undefined;
  const fragment = new URLSearchParams(url.hash.slice(1));
  return {
    base: `${url.origin}${prefix}`,
    program,
    token: fragment.get('token') || undefined,
    autoplay: fragment.get('autoplay') === '1',
  };
}

function decoded(component: string): string | undefined {
  try {
    return decodeURIComponent(component);
  } catch {
    return undefined;
  }
}
