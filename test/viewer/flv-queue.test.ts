import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { FlvPiece } from '../../src/viewer/flv-joiner.ts';
import { FlvQueue } from '../../src/viewer/flv-queue.ts';

const piece = (length: number, kind: FlvPiece['kind'] = 'media', decodable = false): FlvPiece => ({
  bytes: new Uint8Array(length).fill(length),
  kind,
  decodable,
});

async function lengths(queue: FlvQueue): Promise<number[]> {
  queue.end();
  const all: number[] = [];
  for await (const bytes of queue) all.push(bytes.length);
  return all;
}

describe('a queue of FLV bytes', () => {
  test('gives a reader what was pushed, in order, before and after it began to read', async () => {
    const queue = new FlvQueue();
    queue.push(piece(1));
    const first = queue.next();
    const second = queue.next();
    queue.push(piece(2));
    expect([(await first).value, (await second).value]).toEqual([piece(1).bytes, piece(2).bytes]);
  });

  test('that is full leaves out everything until a decoder can begin again', async () => {
    const queue = new FlvQueue(10);
    for (const each of [piece(6), piece(5), piece(1), piece(2, 'media', true), piece(2)]) queue.push(each);
    expect(queue.leftOutBytes).toBe(6);
    expect(await lengths(queue)).toEqual([6, 2, 2]);
  });

  test('never leaves out a changed decoder configuration', async () => {
    const queue = new FlvQueue(10);
    for (const each of [piece(9), piece(8), piece(3, 'preamble'), piece(4, 'preamble'), piece(7, 'media', true)])
      queue.push(each);
    expect(queue.take()).toHaveLength(9);
    queue.push(piece(5, 'media', true));
    expect(await lengths(queue)).toEqual([4, 5]);
  });

  test('takes one piece beyond its bound rather than none', async () => {
    const queue = new FlvQueue(10);
    queue.push(piece(50, 'media', true));
    expect(await lengths(queue)).toEqual([50]);
  });

  test('stays within its bound, or one piece', () => {
    const pieces = fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.boolean(), fc.boolean(), fc.boolean()));
    fc.assert(
      fc.property(pieces, (all) => {
        const queue = new FlvQueue(30);
        for (const [length, preamble, decodable, read] of all) {
          queue.push(piece(length, preamble ? 'preamble' : 'media', decodable));
          expect(queue.queuedBytes).toBeLessThanOrEqual(40);
          if (read) queue.take();
        }
      }),
    );
  });

  test('that its reader has left holds nothing', async () => {
    const queue = new FlvQueue();
    queue.push(piece(5));
    for await (const _ of queue) break;
    queue.push(piece(5));
    expect(queue.queuedBytes).toBe(0);
    expect(await queue.next()).toEqual({ done: true, value: undefined });
  });
});
