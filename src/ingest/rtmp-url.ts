import { TollcastError } from '../errors.ts';

/** An RTMP URL, divided as encoders divide it. */
export interface RtmpUrl {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** The first part of the path. */
  readonly app: string;
  /** The URL up to the app. Without the stream key, which is in the query. */
  readonly tcUrl: string;
  /** The rest of the path, with the query, as it is written. */
  readonly streamName: string;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'rtmp:': 1935, 'rtmps:': 443 };

/** @throws TollcastError `url-invalid`; the message does not repeat the URL, which may hold a stream key */
export function parseRtmpUrl(text: string): RtmpUrl {
  const url = URL.parse(text);
  const defaultPort = DEFAULT_PORTS[url?.protocol ?? ''];
  const [app, ...path] = url?.pathname.split('/').filter(Boolean) ?? [];
  if (!url || defaultPort === undefined || url.hostname === '' || app === undefined || path.length === 0) {
    throw new TollcastError('url-invalid', 'an RTMP URL is needed, as in rtmp://HOST/live/PROGRAM?key=STREAMKEY');
  }
  return {
    secure: url.protocol === 'rtmps:',
    // A socket wants an IPv6 address without its brackets.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? defaultPort : Number(url.port),
    app,
    tcUrl: `${url.protocol}//${url.host}/${app}`,
    streamName: `${path.join('/')}${url.search}`,
  };
}
