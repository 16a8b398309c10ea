import type { Random } from '../../sim/random.ts';
import { mutatedBytes, mutatedText } from '../mutation.ts';

export interface MadeRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];

const TYPES = [
  'application/json',
  'application/json; charset=utf-16',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  '*/*',
  '',
];

const BODIES = [
  '{}',
  '{"a":1}',
  '{"__proto__":{"a":1}}',
  '{"constructor":{"prototype":{"a":1}}}',
  '[',
  'null',
  '\0',
  'a=b',
  'A'.repeat(20_000),
];

const PIECES = [
  '..',
  '%2e%2e',
  '.',
  '%00',
  '%',
  '%zz',
  '%ff',
  '%2f',
  '//',
  ';',
  '?',
  '#',
  '\\',
  '*',
  ':a',
  '__proto__',
  'é',
  ' ',
  'a'.repeat(300),
];

const HEADERS: readonly (readonly [string, string])[] = [
  ['origin', 'https://shop.example'],
  ['origin', 'https://evil.example'],
  ['x-forwarded-for', '1.2.3.4'],
  ['x-http-method-override', 'DELETE'],
  ['content-length', '5'],
  ['content-length', '-1'],
  ['transfer-encoding', 'chunked'],
  ['expect', '100-continue'],
  ['accept-version', '1.0.0'],
  ['accept-encoding', 'gzip'],
  ['range', 'bytes=0-1'],
  ['if-none-match', '*'],
  ['connection', 'keep-alive'],
  ['cookie', 'a=b'],
  ['__proto__', 'x'],
  ['host', 'evil.example'],
];

/** A path with something in it changed, doubled, encoded or put in. */
export function mutatedTarget(random: Random, target: string): string {
  const parts = target.split('/');
  const at = random.between(1, parts.length - 1);
  switch (random.between(0, 6)) {
    case 0:
      return parts.with(at, random.pick(PIECES)).join('/');
    case 1:
      return parts.toSpliced(at, 0, random.pick(PIECES)).join('/');
    case 2:
      return `${target}?${random.pick(['a=b', 'a[]=1&a[b]=2', '__proto__=1', '=', '%', '&'.repeat(200)])}`;
    case 3:
      return target.replace(/\w/, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
    case 4:
      return target + random.pick(['/', '//', '/.', '%20', '.json', ';']);
    case 5:
      return random.chance(0.5) ? target.toUpperCase() : `http://evil.example${target}`;
    default:
      return mutatedText(random, target);
  }
}

/** @param authorization what may stand in that header */
export function madeRequest(random: Random, targets: readonly string[], authorization: () => string | undefined): MadeRequest {
  const target = random.pick(targets);
  const method = random.pick(METHODS);
  const headers: (readonly [string, string])[] = random.chance(0.3) ? [random.pick(HEADERS)] : [];
  const value = authorization();
  if (value !== undefined) headers.push(['authorization', value]);
  const body = random.chance(0.2) ? random.pick(BODIES) : '';
  if (body !== '' && random.chance(0.8)) headers.push(['content-type', random.pick(TYPES)]);
  return { method, target: random.chance(0.5) ? mutatedTarget(random, target) : target, headers, body };
}

/** A request as bytes, in order or not. */
export function requestBytes(random: Random, { method, target, headers, body }: MadeRequest): Buffer {
  const lengths = body === '' || random.chance(0.1) ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'host: relay.example',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...lengths,
  ];
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
  return random.chance(0.6) ? bytes : mutatedBytes(random, bytes);
}
