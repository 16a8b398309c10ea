import { parse } from 'node:querystring';
import type { ConnectObject } from './rtmp-command.ts';

/** What a broadcaster is told when its URL leads nowhere. */
export const PUBLISH_URL_HINT =
  'publish to rtmp://HOST/live/PROGRAM?key=STREAMKEY (in OBS: server rtmp://HOST/live, stream key PROGRAM?key=STREAMKEY)';

/** The one application that there is. */
const APP = 'live';

export interface PublishTarget {
  readonly program: string;
  /** Empty if the URL has none. */
  readonly streamKey: string;
}

/** Whether a `connect` is to `rtmp://HOST/live`. What follows may name the program: encoders cut the URL at different slashes. */
export const isLiveApp = ({ app }: ConnectObject): boolean => pathSegments(app)[0] === APP;

/**
 * The program and stream key of `rtmp://HOST/live/PROGRAM?key=STREAMKEY`, however the encoder divided the URL: the query in the stream
 * name (OBS, ffmpeg), in the app or in tcUrl (hardware encoders whose form has a field for each); percent-encoded or not.
 * Undefined if no single program is named.
 */
export function publishTarget(connect: ConnectObject, streamName: string): PublishTarget | undefined {
  const path = pathSegments(streamName);
  // Some send the whole path as the stream name.
  if (path.length > 1 && path[0] === APP) path.shift();
  const [program, ...others] = [...pathSegments(connect.app).slice(1), ...path];
  if (program === undefined || others.length > 0) return undefined;
  const streamKey = keyIn(streamName) ?? keyIn(connect.app) ?? keyIn(connect.tcUrl) ?? '';
  return { program, streamKey };
}

const pathSegments = (text: string): string[] => decoded(beforeQuery(text)).split('/').filter(Boolean);

const beforeQuery = (text: string): string => divided(text)[0];

/** A form that encodes what it is given sends the question mark encoded too. */
function divided(text: string): readonly [path: string, query: string | undefined] {
  const plain = text.includes('?') ? text : text.replace(/%3f/i, '?').replace(/%3d/gi, '=');
  const at = plain.indexOf('?');
  return at < 0 ? [plain, undefined] : [plain.slice(0, at), plain.slice(at + 1)];
}

function keyIn(text: string): string | undefined {
  const query = divided(text)[1];
  if (query === undefined) return undefined;
  const key = parse(query, '&', '=', { maxKeys: 16 }).key;
  return Array.isArray(key) ? key[0] : key;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
