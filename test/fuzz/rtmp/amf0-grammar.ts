import type { Random } from '../../sim/random.ts';
import { edgeNumber, mutated, randomBytes, uint } from './bytes.ts';

/** A value in AMF0 (Adobe, "AMF 0 Specification"), and what it is once it is decoded. */
export interface Amf0 {
  readonly bytes: Buffer;
  readonly value: unknown;
}

const untyped = (text: string): Buffer => {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint(bytes.length, 2), bytes]);
};

export const amfString = (text: string): Amf0 => ({ bytes: Buffer.concat([Buffer.of(2), untyped(text)]), value: text });

export function amfNumber(value: number): Amf0 {
  const bytes = Buffer.alloc(9);
  bytes.writeDoubleBE(value, 1);
  return { bytes, value };
}

export const AMF_NULL: Amf0 = { bytes: Buffer.of(5), value: null };
const OBJECT_END = Buffer.of(0, 0, 9);

export function amfObject(properties: Readonly<Record<string, Amf0>>): Amf0 {
  const entries = Object.entries(properties);
  const bytes = Buffer.concat([Buffer.of(3), ...entries.flatMap(([name, { bytes }]) => [untyped(name), bytes]), OBJECT_END]);
  return { bytes, value: Object.fromEntries(entries.map(([name, { value }]) => [name, value])) };
}

export function amfEcmaArray(properties: Readonly<Record<string, Amf0>>): Amf0 {
  const { bytes, value } = amfObject(properties);
  return { bytes: Buffer.concat([Buffer.of(8), uint(Object.keys(properties).length, 4), bytes.subarray(1)]), value };
}

const amfStrictArray = (elements: readonly Amf0[]): Amf0 => ({
  bytes: Buffer.concat([Buffer.of(10), uint(elements.length, 4), ...elements.map(({ bytes }) => bytes)]),
  value: elements.map(({ value }) => value),
});

const NAMES = [
  'app',
  'tcUrl',
  'type',
  'flashVer',
  'duration',
  'width',
  'videocodecid',
  'hasAudio',
  'x',
  'größe',
  'constructor',
  'toString',
];
const TEXTS = [
  '',
  'live',
  'attacked',
  'rtmp://localhost/live',
  'a'.repeat(300),
  '?key=',
  '%',
  '€😀',
  '\0',
  '../../etc',
  '\'"<>{}',
];
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  7,
  10,
  0.5,
  2 ** 31,
  2 ** 53,
  1e308,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];

/** A value that is right in every byte. */
export function amfValue(random: Random, depth = 3): Amf0 {
  const several = <T>(make: () => T): T[] => Array.from({ length: random.between(0, 4) }, make);
  const properties = () => Object.fromEntries(several(() => [random.pick(NAMES), amfValue(random, depth - 1)] as const));
  switch (random.between(0, depth > 0 ? 9 : 6)) {
    case 0:
      return amfNumber(random.chance(0.5) ? random.pick(NUMBERS) : random.next() * 1e6);
    case 1: {
      const value = random.chance(0.5);
      return { bytes: Buffer.of(1, value ? 1 : 0), value };
    }
    case 2:
      return AMF_NULL;
    case 3:
      return { bytes: Buffer.of(6), value: undefined };
    case 4: {
      const text = random.pick(TEXTS).repeat(random.between(1, 3));
      const bytes = Buffer.from(text);
      return { bytes: Buffer.concat([Buffer.of(12), uint(bytes.length, 4), bytes]), value: text };
    }
    case 5: {
      const { bytes, value } = amfNumber(random.between(0, 2 ** 40));
      return { bytes: Buffer.concat([Buffer.of(11), bytes.subarray(1), Buffer.of(0, 0)]), value };
    }
    case 6:
      return amfString(random.pick(TEXTS));
    case 7:
      return amfEcmaArray(properties());
    case 8:
      return amfStrictArray(several(() => amfValue(random, depth - 1)));
    default:
      return amfObject(properties());
  }
}

type Absurdity = (random: Random) => Buffer;

const depthOf = (random: Random): number => (random.chance(0.05) ? 4_000 : random.between(1, 60));
const repeated = (bytes: Buffer, times: number): Buffer => Buffer.alloc(bytes.length * times, bytes);

const ABSURDITIES: readonly Absurdity[] = [
  // Nested, and never closed.
  (random) => repeated(Buffer.of(3, 0, 1, 0x61), depthOf(random)),
  (random) => repeated(Buffer.of(10, 0, 0, 0, 1), depthOf(random)),
  (random) => repeated(Buffer.of(8, 0, 0, 0, 1, 0, 1, 0x61), depthOf(random)),
  (random) => repeated(Buffer.of(16, 0, 1, 0x63, 0, 1, 0x61), depthOf(random)),
  // Nested and closed.
  (random) => {
    const depth = depthOf(random);
    return Buffer.concat([repeated(Buffer.of(3, 0, 1, 0x61), depth), Buffer.of(5), repeated(OBJECT_END, depth)]);
  },
  // Each with more elements than it holds.
  (random) => Buffer.concat([Buffer.of(10), uint(edgeNumber(random, 4), 4), repeated(Buffer.of(5), random.between(0, 2_000))]),
  (random) => repeated(Buffer.concat([Buffer.of(10), uint(edgeNumber(random, 4), 4)]), depthOf(random)),
  (random) => Buffer.concat([Buffer.of(8), uint(edgeNumber(random, 4), 4), amfObject({ a: amfValue(random) }).bytes.subarray(1)]),
  // Longer than what is there.
  (random) => Buffer.concat([Buffer.of(random.pick([2, 15])), uint(edgeNumber(random, 2), 2), Buffer.from('short')]),
  (random) => Buffer.concat([Buffer.of(12), uint(edgeNumber(random, 4), 4), Buffer.from('short')]),
  (random) => Buffer.concat([Buffer.of(3), uint(edgeNumber(random, 2), 2), Buffer.from('short'), Buffer.of(5), OBJECT_END]),
  // References: to what holds them, to what there is not.
  (random) =>
    amfObject({ self: { bytes: Buffer.concat([Buffer.of(7), uint(edgeNumber(random, 2), 2)]), value: undefined } }).bytes,
  // Names that mean something to JavaScript.
  (random) =>
    Buffer.concat([
      Buffer.of(random.pick([3, 8]), 0, 0, 0, 0).subarray(0, random.pick([1, 5])),
      untyped(random.pick(['__proto__', 'constructor', 'prototype', '__className__', 'sarray', 'length', ''])),
      amfValue(random).bytes,
      OBJECT_END,
    ]),
  // Markers that mean nothing, or that nobody sends.
  (random) => Buffer.of(random.pick([4, 9, 13, 14, 17, 18, 0x7f, 0xff])),
  (random) => randomBytes(random, random.between(0, 40)),
  (random) => mutated(random, amfValue(random).bytes, random.between(1, 4)),
  () => Buffer.alloc(0),
];

/** What is no AMF0, or is none that anybody means. */
export const absurdAmf = (random: Random): Buffer => random.pick(ABSURDITIES)(random);
