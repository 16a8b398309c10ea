import { createHmac, type KeyObject, sign as signBytes } from 'node:crypto';
import type { Random } from '../../sim/random.ts';
import { mutatedBytes, mutatedJson, mutatedText, oddValue } from '../mutation.ts';

/** Compact serialisations (RFC 7515, 7516), made without the library that reads them. */
export const encoded = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).toString('base64url');

export const decoded = (part: string): string => Buffer.from(part, 'base64url').toString();

export const hs256 = (secret: Uint8Array | string) => (input: string) =>
  createHmac('sha256', secret).update(input).digest('base64url');

export const es256 = (key: KeyObject) => (input: string) =>
  signBytes('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');

/** @param header a value, or JSON as it is to stand there */
export function signedCompact(header: unknown, payload: unknown, sign: (input: string) => string): string {
  const input = `${encoded(header)}.${encoded(payload)}`;
  return `${input}.${sign(input)}`;
}

/** What a signature is over. */
export const inputOf = (jws: string): string => jws.slice(0, jws.lastIndexOf('.'));

/** Header parameters that have led verifiers astray. */
const HEADER_TRICKS: readonly Readonly<Record<string, unknown>>[] = [
  { alg: 'none' },
  { alg: 'None' },
  { alg: 'HS256' },
  { alg: 'ES384' },
  { alg: 'dir' },
  { alg: 'PBES2-HS256+A128KW', p2c: 1e9, p2s: 'AAAA' },
  { enc: 'A128CBC-HS256' },
  { zip: 'DEF' },
  { kid: '../../etc/passwd' },
  { kid: "' or 1=1" },
  { kid: ['a'] },
  { jku: 'https://evil.example/jwks.json' },
  { x5u: 'https://evil.example/x' },
  { crit: ['exp'], exp: 1 },
  { crit: ['b64'], b64: false },
  { crit: [] },
  { b64: false },
  { typ: 'JWT' },
  { cty: 'JWT' },
  { epk: { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) } },
  { apu: 'AAAA', apv: 'AAAA' },
];

export const trickedHeader = (random: Random, header: object): object => ({ ...header, ...random.pick(HEADER_TRICKS) });

/** A header or payload with something in it changed: a value to encode, or JSON that no encoder makes. */
export function changedPart(random: Random, part: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(decoded(part));
  } catch {
    return mutatedText(random, decoded(part));
  }
  if (typeof json !== 'object' || json === null || random.chance(0.4)) return mutatedJson(random, json);
  if (random.chance(0.4)) return trickedHeader(random, json);
  const text = JSON.stringify(json);
  // The same member twice, first or last.
  const [name = 'alg'] = Object.keys(json).length === 0 ? [] : [random.pick(Object.keys(json))];
  const twice = `${JSON.stringify(name)}:${JSON.stringify(oddValue(random)) ?? 'null'}`;
  return random.chance(0.5) ? `{${twice},${text.slice(1)}` : `${text.slice(0, -1)},${twice}}`;
}

/** A serialisation with something changed in it: in what a part holds, how it is encoded, or which parts there are. */
export function mutatedCompact(random: Random, text: string, others: readonly string[]): string {
  const parts = text.split('.');
  const at = random.between(0, parts.length - 1);
  const part = parts[at] ?? '';
  switch (random.between(0, 9)) {
    case 0:
    case 1:
    case 2:
      return parts.with(random.chance(0.8) ? 0 : at, encoded(changedPart(random, parts[0] ?? ''))).join('.');
    case 3:
      return parts.with(at, encoded(changedPart(random, part))).join('.');
    case 4:
      return parts.with(at, mutatedBytes(random, Buffer.from(part, 'base64url')).toString('base64url')).join('.');
    case 5:
      return parts.with(at, otherBase64(random, part)).join('.');
    case 6:
      return parts.with(at, random.pick(others).split('.')[at] ?? '').join('.');
    case 7:
      return random
        .pick([parts.toSpliced(at, 1), parts.toSpliced(at, 0, part), parts.with(at, ''), parts.toReversed()])
        .join('.');
    default:
      return mutatedText(random, text);
  }
}

/** The same bytes for a reader that is not strict. */
function otherBase64(random: Random, part: string): string {
  const last = part.at(-1) ?? 'A';
  return random.pick([
    `${part}=`,
    `${part}==`,
    Buffer.from(part, 'base64url').toString('base64'),
    `${part.slice(0, 5)}\n${part.slice(5)}`,
    ` ${part}`,
    `${part}A`,
    // Bits that encode nothing.
    `${part.slice(0, -1)}${String.fromCharCode(last.charCodeAt(0) + 1)}`,
  ]);
}
