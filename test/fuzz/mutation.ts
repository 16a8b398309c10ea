import type { Random } from '../sim/random.ts';

/** Names that objects have without being given them, and some that a parser may take for its own. */
const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  'toJSON',
  'length',
  '',
  '0',
  'type',
];

const TEXTS = [
  '\0',
  '\r\n',
  '\u2028',
  '\ud800',
  '😀',
  '%00',
  '../..',
  '"',
  '\\',
  '{',
  '}',
  '[',
  ',',
  '=',
  '.',
  '&',
  '<<',
  'é',
  ' ',
];

const NUMBERS = [0, -0, -1, 1, 1.5, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e21, 1e308, 5e-324];

const MAX_PLACES = 3;

/** A value of any kind, now and then a huge or a deep one. */
export function oddValue(random: Random): unknown {
  switch (random.between(0, 9)) {
    case 0:
      return random.pick(NUMBERS);
    case 1:
      return random.pick(NAMES);
    case 2:
      return random.pick(TEXTS).repeat(random.pick([1, 2, 40]));
    case 3:
      return random.pick([null, true, false, [], {}, [null], {}]);
    case 4:
      return 'A'.repeat(random.pick([1, 63, 64, 65, 1_000, 8_192, 8_193]));
    case 5:
      return nested(random.pick([1, 3, 30, 500]), random.chance(0.5));
    case 6:
      return Array.from({ length: random.pick([1, 2, 65, 300]) }, () => random.pick<unknown>([0, '', null]));
    case 7:
      return Object.fromEntries([
        [random.pick(NAMES), random.pick<unknown>([null, {}, 'x', 1, { toString: null }, { valueOf: 1, toString: 1 }])],
      ]);
    case 8:
      return random.between(-1_000, 1_000);
    default:
      return random.next() * 10 ** random.between(0, 20);
  }
}

function nested(depth: number, inArrays: boolean): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = inArrays ? [value] : { a: value };
  return value;
}

/** A JSON value with one to three changes somewhere in it: a copy, with own members even where one is called `__proto__`. */
export function mutatedJson(random: Random, value: unknown): unknown {
  let changed = value;
  for (let left = random.between(1, MAX_PLACES); left > 0; left--) changed = changedSomewhere(random, changed);
  return changed;
}

function changedSomewhere(random: Random, value: unknown): unknown {
  if (Array.isArray(value) && value.length > 0 && random.chance(0.7)) return changedArray(random, value);
  if (isObject(value) && Object.keys(value).length > 0 && random.chance(0.9)) return changedObject(random, value);
  if (typeof value === 'string' && random.chance(0.6)) return mutatedText(random, value);
  if (typeof value === 'number' && random.chance(0.6)) return value + random.pick([-1, 1, 0.5, 2 ** 32, -value, 1e15]);
  return oddValue(random);
}

function changedArray(random: Random, values: readonly unknown[]): unknown[] {
  const at = random.between(0, values.length - 1);
  switch (random.between(0, 4)) {
    case 0:
      return values.toSpliced(at, 1);
    case 1:
      return values.toSpliced(at, 0, values[at]);
    case 2:
      return values.toReversed();
    default:
      return values.with(at, changedSomewhere(random, values[at]));
  }
}

function changedObject(random: Random, value: Readonly<Record<string, unknown>>): unknown {
  const entries = Object.entries(value);
  const at = random.between(0, entries.length - 1);
  const [name = '', member] = entries[at] ?? [];
  switch (random.between(0, 7)) {
    case 0:
      return Object.fromEntries(entries.toSpliced(at, 1));
    case 1:
      return Object.fromEntries([...entries, [random.pick(NAMES), oddValue(random)]]);
    case 2:
      return Object.fromEntries(entries.with(at, [mutatedText(random, name), member]));
    case 3:
      return Object.fromEntries(entries.with(at, [name, random.pick(entries)[1]]));
    default:
      return Object.fromEntries(entries.with(at, [name, changedSomewhere(random, member)]));
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A text with something cut out, put in, doubled or exchanged. */
export function mutatedText(random: Random, text: string): string {
  const at = random.between(0, text.length);
  const end = Math.min(text.length, at + random.pick([1, 1, 2, 8, 100]));
  switch (random.between(0, 6)) {
    case 0:
      return text.slice(0, at) + text.slice(end);
    case 1:
      return text.slice(0, at) + random.pick(TEXTS) + text.slice(at);
    case 2:
      return text.slice(0, end) + text.slice(at);
    case 3:
      return text.slice(0, at);
    case 4:
      return text.slice(0, at) + String.fromCharCode(random.between(0, random.pick([127, 255, 65_535]))) + text.slice(at + 1);
    case 5:
      return text.slice(0, at) + text.slice(at, end).toUpperCase() + text.slice(end);
    default:
      return text.slice(0, at) + text.slice(at, end).repeat(random.pick([2, 3, 200])) + text.slice(end);
  }
}

/** Bytes with one to three changes: bits flipped, bytes set, cut out, put in, doubled. */
export function mutatedBytes(random: Random, bytes: Uint8Array): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (let left = random.between(1, MAX_PLACES); left > 0; left--) changed = changedBytes(random, changed);
  return changed;
}

function changedBytes(random: Random, bytes: Buffer): Buffer {
  const at = random.between(0, Math.max(0, bytes.length - 1));
  const end = Math.min(bytes.length, at + random.pick([1, 2, 4, 60]));
  switch (random.between(0, 5)) {
    case 0:
    case 1:
      if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, 7));
      return bytes;
    case 2:
      if (bytes.length > 0) bytes[at] = random.pick([0, 1, 127, 128, 255, random.between(0, 255)]);
      return bytes;
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    default:
      return bytes.subarray(0, at);
  }
}
