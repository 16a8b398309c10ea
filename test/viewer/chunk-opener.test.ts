import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Flag } from '../../src/media/chunk.ts';
import { SFrameSealer } from '../../src/sframe/node.ts';
import { CHUNK_SUITE } from '../../src/sframe/suites.ts';
import { ChunkOpener, type OpenedChunk } from '../../src/viewer/chunk-opener.ts';
import { KeyHolder } from '../../src/viewer/key-holder.ts';

const keyOf = (epoch: number) => new Uint8Array(32).fill(epoch);

function seal(epoch: number, counter: number, text: string, flags = 0): Uint8Array<ArrayBuffer> {
  const bytes = new SFrameSealer(CHUNK_SUITE, epoch, keyOf(epoch)).seal(counter, Uint8Array.of(flags), Buffer.from(text), 1);
  bytes[0] = flags;
  return Uint8Array.from(bytes);
}

let keys: KeyHolder;
let opener: ChunkOpener;
let delivered: OpenedChunk[];

const texts = () => delivered.map(({ plaintext }) => Buffer.from(plaintext).toString());

async function accept(...chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
  for (const chunk of chunks) opener.accept(chunk);
  await opener.drained();
}

beforeEach(async () => {
  keys = new KeyHolder();
  delivered = [];
  opener = new ChunkOpener(keys, (chunk) => delivered.push(chunk));
  await keys.hold(1, keyOf(1));
});

describe('a chunk', () => {
  test('is delivered with its place and its flags', async () => {
    await accept(seal(1, 300, 'picture', Flag.keyframe));
    expect(delivered).toMatchObject([{ epoch: 1, counter: 300, flags: Flag.keyframe }]);
    expect(texts()).toEqual(['picture']);
    expect(opener.opened).toBe(1);
  });

  test('is delivered in the order of arrival, however long opening takes', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        keys = new KeyHolder();
        delivered = [];
        opener = new ChunkOpener(keys, (chunk) => delivered.push(chunk));
        await keys.hold(1, keyOf(1));
        await accept(...lengths.map((length, counter) => seal(1, counter, 'x'.repeat(length))));
        expect(delivered.map(({ counter, plaintext }) => [counter, plaintext.length])).toEqual([...lengths.entries()]);
      }),
      { numRuns: 20 },
    );
  });

  test('of an epoch whose key is not held is dropped', async () => {
    await accept(seal(2, 0, 'secret'));
    expect(delivered).toEqual([]);
    expect(opener.dropped).toEqual({ withoutKey: 1, replayed: 0, forged: 0, malformed: 0 });
  });

  test('that is replayed, or older than what was delivered, is dropped', async () => {
    await accept(seal(1, 5, 'five'), seal(1, 5, 'five'), seal(1, 4, 'four'), seal(1, 9, 'nine'));
    await accept(seal(1, 5, 'five'));
    expect(texts()).toEqual(['five', 'nine']);
    expect(opener.dropped.replayed).toBe(3);
  });

  test('of an epoch before the last delivered one is dropped, whatever its counter', async () => {
    await keys.hold(2, keyOf(2));
    await accept(seal(2, 0, 'new'), seal(1, 50, 'old'));
    expect(texts()).toEqual(['new']);
  });

  test.each([
    ['its data', 12],
    ['its tag', -1],
    ['its flags', 0],
  ])('in which %s was changed is dropped', async (_what, at) => {
    const chunk = seal(1, 0, 'a picture of something', Flag.keyframe);
    const index = at < 0 ? chunk.length + at : at;
    chunk[index] = (chunk[index] ?? 0) ^ 1;
    await accept(chunk, seal(1, 1, 'next'));
    expect(texts()).toEqual(['next']);
    expect(opener.dropped.forged).toBe(1);
  });

  test('that claims a high counter without being authentic does not shut out what follows', async () => {
    const forged = seal(1, 1_000_000, 'forged');
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
    await accept(forged, seal(1, 1, 'true'));
    await accept(seal(1, 2, 'true too'));
    expect(texts()).toEqual(['true', 'true too']);
  });

  test.each([
    ['nothing', []],
    ['flags alone', [0]],
    ['a header cut off', [0, 0x99, 1]],
    ['an epoch beyond exact numbers', [0, 0xf0, 255, 255, 255, 255, 255, 255, 255, 255]],
  ])('that is %s is dropped', async (_what, bytes) => {
    await accept(Uint8Array.from(bytes));
    expect(opener.dropped.malformed).toBe(1);
  });

  test('that is any bytes at all neither throws nor is delivered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        await accept(Uint8Array.from(bytes));
        expect(delivered).toEqual([]);
      }),
    );
  });

  test('is not taken when too much is being opened already', async () => {
    const big = seal(1, 0, 'x'.repeat(20 * 1024 * 1024));
    expect(opener.accept(big)).toBe(true);
    expect(opener.accept(big)).toBe(false);
    await opener.drained();
    expect(opener.accept(seal(1, 1, 'small'))).toBe(true);
  });
});

describe('keys', () => {
  test('of earlier epochs are dropped once a chunk of a later one is open', async () => {
    await keys.hold(2, keyOf(2));
    await accept(seal(1, 0, 'old'));
    expect(keys.openerOf(1)).toBeDefined();
    await accept(seal(2, 0, 'new'));
    expect(keys.openerOf(1)).toBeUndefined();
  });

  test('are held up to a bound, the newest', async () => {
    for (let epoch = 2; epoch <= 20; epoch++) await keys.hold(epoch, keyOf(epoch));
    expect(keys.openerOf(16)).toBeUndefined();
    expect(keys.openerOf(17)).toBeDefined();
    expect(keys.openerOf(20)).toBeDefined();
  });

  test('handed in are overwritten', async () => {
    const key = keyOf(3);
    await keys.hold(3, key);
    expect(key).toEqual(new Uint8Array(32));
  });

  test('that come again do not let chunks come again', async () => {
    await accept(seal(1, 0, 'once'));
    await keys.hold(1, keyOf(1));
    await accept(seal(1, 0, 'once'));
    expect(texts()).toEqual(['once']);
  });
});
