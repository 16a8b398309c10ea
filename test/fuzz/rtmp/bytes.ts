import type { Random } from '../../sim/random.ts';

/** Where parsers' arithmetic goes wrong, if it does. */
const EDGES = [
  0, 1, 2, 0x7e, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0xfffffe, 0xffffff, 0x7fffffff, 0x80000000, 0xffffffff,
];

/** A whole number that fits into so many bytes, at an edge as a rule. */
export function edgeNumber(random: Random, bytes: 1 | 2 | 3 | 4): number {
  const most = 2 ** (8 * bytes) - 1;
  return random.chance(0.7) ? Math.min(random.pick(EDGES), most) : Math.floor(random.next() * (most + 1));
}

export function randomBytes(random: Random, length: number): Buffer {
  const out = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) out[at] = random.between(0, 255);
  return out;
}

/** Big-endian. */
export function uint(value: number, bytes: 1 | 2 | 3 | 4): Buffer {
  const out = Buffer.allocUnsafe(bytes);
  out.writeUIntBE(value, 0, bytes);
  return out;
}

/** Does harm to bytes, so many times over. They are not changed; what comes may share memory with them. */
export function mutated(random: Random, bytes: Buffer, times: number): Buffer {
  let out = bytes;
  for (let done = 0; done < times && out.length > 0; done++) out = random.pick(HARMS)(random, out);
  return out;
}

type Harm = (random: Random, bytes: Buffer) => Buffer;

const HARMS: readonly Harm[] = [
  (random, bytes) =>
    overwritten(bytes, at(random, bytes), (out, where) => out.writeUInt8((out[where] ?? 0) ^ (1 << random.between(0, 7)), where)),
  (random, bytes) => overwritten(bytes, at(random, bytes), (out, where) => out.writeUInt8(edgeNumber(random, 1), where)),
  (random, bytes) => {
    const size = random.pick([2, 3, 4] as const);
    return overwritten(bytes, at(random, bytes), (out, where) => uint(edgeNumber(random, size), size).copy(out, where));
  },
  // Cut at the end, or in the middle.
  (random, bytes) => bytes.subarray(0, at(random, bytes)),
  (random, bytes) => {
    const [from, to] = piece(random, bytes);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  // A piece twice, or somewhere else, or in place of another.
  (random, bytes) => {
    const [from, to] = piece(random, bytes);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  (random, bytes) => {
    const [from, to] = piece(random, bytes);
    const where = at(random, bytes);
    return Buffer.concat([bytes.subarray(0, where), bytes.subarray(from, to), bytes.subarray(where)]);
  },
  (random, bytes) => {
    const [from, to] = piece(random, bytes);
    return overwritten(bytes, at(random, bytes), (out, where) => bytes.copy(out, where, from, to));
  },
  (random, bytes) => {
    const where = at(random, bytes);
    return Buffer.concat([bytes.subarray(0, where), randomBytes(random, random.between(1, 16)), bytes.subarray(where)]);
  },
];

const at = (random: Random, bytes: Buffer): number => random.between(0, bytes.length - 1);

/** Short as a rule. */
function piece(random: Random, bytes: Buffer): readonly [from: number, to: number] {
  const from = at(random, bytes);
  const most = random.chance(0.8) ? 32 : bytes.length;
  return [from, Math.min(bytes.length, from + random.between(1, most))];
}

function overwritten(bytes: Buffer, where: number, write: (out: Buffer, where: number) => void): Buffer {
  // Some bytes more, so that what is written may reach over the end.
  const out = Buffer.allocUnsafe(bytes.length + 4);
  bytes.copy(out);
  write(out, where);
  return out.subarray(0, bytes.length);
}
