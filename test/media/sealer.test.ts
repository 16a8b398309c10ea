import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Chunk, Flag, type SealedChunk } from '../../src/media/chunk.ts';
import type { Sealer } from '../../src/media/sealer.ts';
import { SFrameSealer } from '../../src/sframe/node.ts';
import { feed, taken } from './feed.ts';
import { offerOf, open } from './sealed.ts';
import { sealerOf } from './sealing.ts';

const { preamble, keyframe, forJoiners } = Flag;

/** A chunk that says what it is. */
const chunk = (name: string, flags = 0): Chunk => ({ flags, plaintext: Buffer.from(name), timestampMs: 0 });
const P = chunk('P', preamble);
const K = chunk('K', keyframe);
const x = chunk('x');

/** A sealed chunk in short: epoch, counter, what it says, and `+` if it is for joiners only. */
const outline = (sealed: SealedChunk) =>
  `${sealed.epoch}.${sealed.counter} ${open(sealed).plaintext}${sealed.flags & forJoiners ? '+' : ''}`;
const seal = (sealer: Sealer, ...chunks: Chunk[]) =>
  chunks.flatMap((each) => feed<Chunk, SealedChunk>(sealer, each).map(outline));

describe('an epoch', () => {
  test('opens with the preamble, counter 0, and carries each chunk with its flags', () => {
    const { sealer, began } = sealerOf();
    sealer.offer(offerOf(7));
    expect(seal(sealer, P, K, x)).toEqual(['7.0 P', '7.1 K', '7.2 x']);
    expect(began).toEqual([{ epoch: 7, atMs: 0, forced: false }]);
    expect(feed<Chunk, SealedChunk>(sealer, K).map(open)).toEqual([{ flags: keyframe, plaintext: K.plaintext }]);
  });

  test('begins at the first keyframe in its time', () => {
    const { sealer, time, began } = sealerOf();
    sealer.offer(offerOf(1));
    sealer.offer(offerOf(2, { notBeforeMs: 100, notAfterMs: 200 }));
    expect(seal(sealer, P, K, x)).toEqual(['1.0 P', '1.1 K', '1.2 x']);
    time.advance(99);
    expect(seal(sealer, K)).toEqual(['1.3 K']);
    time.advance(1);
    expect(seal(sealer, x, K, x)).toEqual(['1.4 x', '2.0 P', '2.1 K', '2.2 x']);
    expect(began[1]).toEqual({ epoch: 2, atMs: 100, forced: false });
  });

  test('begins without one when its time is over, and seals again for joiners what they need', () => {
    const { sealer, time, began } = sealerOf();
    sealer.offer(offerOf(1));
    sealer.offer(offerOf(2, { notBeforeMs: 100, notAfterMs: 200 }));
    seal(sealer, P, x, K, x);
    time.advance(199);
    expect(seal(sealer, x)).toEqual(['1.4 x']);
    time.advance(1);
    expect(seal(sealer, chunk('y'), x)).toEqual(['2.0 P', '2.1 K+', '2.2 x+', '2.3 x+', '2.4 y', '2.5 x']);
    expect(began[1]).toEqual({ epoch: 2, atMs: 200, forced: true });
    expect(seal(sealer, K)).toEqual(['2.6 K']);
  });

  test('is announced before its first chunk leaves, and the next may be offered then', () => {
    const left: SealedChunk[] = [];
    const order: string[] = [];
    const { sealer, time } = sealerOf({
      onBegan: ({ epoch }) => {
        order.push(`began ${epoch}`);
        sealer.offer(offerOf(epoch + 1, { notBeforeMs: epoch * 10 }));
      },
    });
    sealer.on('data', (sealed: SealedChunk) => left.push(sealed));
    const push = sealer.push.bind(sealer);
    sealer.push = (sealed: SealedChunk | null) => {
      if (sealed) order.push(outline(sealed));
      return push(sealed);
    };
    sealer.offer(offerOf(1));
    for (const each of [P, K]) sealer.write(each);
    time.advance(10);
    sealer.write(K);
    expect(order).toEqual(['began 1', '1.0 P', '1.1 K', 'began 2', '2.0 P', '2.1 K']);
  });

  test('gets a changed preamble as it comes, and the next one opens with that', () => {
    const { sealer, time } = sealerOf();
    sealer.offer(offerOf(1));
    sealer.offer(offerOf(2, { notBeforeMs: 100 }));
    expect(seal(sealer, P, K, chunk('Q', preamble), x)).toEqual(['1.0 P', '1.1 K', '1.2 Q', '1.3 x']);
    time.advance(100);
    expect(seal(sealer, chunk('R', preamble), K)).toEqual(['1.4 R', '2.0 R', '2.1 K']);
  });

  test('that is forced gives joiners the preamble as of the keyframe too, if it has changed since', () => {
    const { sealer, time } = sealerOf();
    sealer.offer(offerOf(1));
    sealer.offer(offerOf(2, { notBeforeMs: 100, notAfterMs: 100 }));
    seal(sealer, P, K, chunk('Q', preamble), x);
    time.advance(100);
    expect(seal(sealer, x)).toEqual(['2.0 Q', '2.1 P+', '2.2 K+', '2.3 Q+', '2.4 x+', '2.5 x']);
  });

  test('that is forced seals nothing again once the cache is beyond its bounds', () => {
    const { sealer, time } = sealerOf({ cacheLimits: { maxBytes: 2, maxAgeMs: 1_000 } });
    sealer.offer(offerOf(1));
    sealer.offer(offerOf(2, { notBeforeMs: 100, notAfterMs: 100 }));
    seal(sealer, P, K, x, x);
    time.advance(100);
    expect(seal(sealer, x)).toEqual(['2.0 P', '2.1 x']);
  });

  test('changes on time in a broadcast of sound only, where every chunk can be joined at', () => {
    const { sealer, time, began } = sealerOf();
    sealer.offer(offerOf(1));
    sealer.offer(offerOf(2, { notBeforeMs: 100, notAfterMs: 200 }));
    seal(sealer, P, K, K);
    time.advance(100);
    expect(seal(sealer, K, K)).toEqual(['2.0 P', '2.1 K', '2.2 K']);
    expect(began[1]).toEqual({ epoch: 2, atMs: 100, forced: false });
  });

  test('is the newest on offer whose time has come', () => {
    const { sealer, time } = sealerOf();
    sealer.offer(offerOf(3, { notBeforeMs: 10 }));
    sealer.offer(offerOf(2));
    sealer.offer(offerOf(4, { notBeforeMs: 50 }));
    time.advance(20);
    expect(seal(sealer, P, K)).toEqual(['3.0 P', '3.1 K']);
    expect(() => sealer.offer(offerOf(2))).toThrow(expect.objectContaining({ code: 'epoch-used' }));
    expect(seal(sealer, K)).toEqual(['3.2 K']);
  });

  test('is forced if an earlier one on offer is past its time', () => {
    const { sealer, time } = sealerOf();
    sealer.offer(offerOf(1));
    seal(sealer, P, K);
    sealer.offer(offerOf(2, { notBeforeMs: 10, notAfterMs: 20 }));
    sealer.offer(offerOf(3, { notBeforeMs: 20 }));
    time.advance(20);
    expect(seal(sealer, x)).toEqual(['3.0 P', '3.1 K+', '3.2 x']);
  });
});

describe('the key of an epoch', () => {
  const wipe = jest.spyOn(SFrameSealer.prototype, 'wipe');
  beforeEach(() => {
    wipe.mockClear();
  });
  const sealing = () => {
    const { sealer, time } = sealerOf();
    sealer.offer(offerOf(1, { lifetimeMs: 100 }));
    seal(sealer, P, K);
    expect(wipe).not.toHaveBeenCalled();
    return { sealer, time };
  };

  test('is overwritten when the next one begins', () => {
    const { sealer } = sealing();
    sealer.offer(offerOf(2));
    seal(sealer, K);
    expect(wipe).toHaveBeenCalledTimes(1);
  });

  test('is overwritten when the broadcaster is away', () => {
    sealing().sealer.suspend();
    expect(wipe).toHaveBeenCalledTimes(1);
  });

  test('is overwritten when its lifetime is over', () => {
    const { sealer, time } = sealing();
    time.advance(101);
    seal(sealer, x);
    expect(wipe).toHaveBeenCalledTimes(1);
  });

  test('is overwritten when the sealer is destroyed', () => {
    sealing().sealer.destroy();
    expect(wipe).toHaveBeenCalledTimes(1);
  });
});

describe('an offer', () => {
  test('of an epoch that has begun, or of an earlier one, is refused', () => {
    const { sealer } = sealerOf();
    sealer.offer(offerOf(5));
    seal(sealer, P, K);
    for (const epoch of [5, 4, 0, -1, 5.5, Number.NaN]) {
      expect(() => sealer.offer(offerOf(epoch))).toThrow(expect.objectContaining({ code: 'epoch-used' }));
    }
    sealer.suspend();
    expect(() => sealer.offer(offerOf(5))).toThrow(expect.objectContaining({ code: 'epoch-used' }));
  });

  test('replaces a former one of the same epoch', () => {
    const { sealer, time } = sealerOf();
    sealer.offer(offerOf(1));
    sealer.offer(offerOf(2, { notBeforeMs: 100 }));
    sealer.offer(offerOf(2, { notBeforeMs: 200 }));
    seal(sealer, P, K);
    time.advance(150);
    expect(seal(sealer, K)).toEqual(['1.2 K']);
    time.advance(50);
    expect(seal(sealer, K)).toEqual(['2.0 P', '2.1 K']);
  });

  test('is refused with a key of another length, or beyond four', () => {
    const { sealer } = sealerOf();
    const { key } = offerOf(1);
    const short = { ...offerOf(1), key: { ...key, contentKey: Buffer.alloc(16) } };
    expect(() => sealer.offer(short)).toThrow(expect.objectContaining({ code: 'key-invalid' }));
    for (const epoch of [1, 2, 3, 4]) sealer.offer(offerOf(epoch));
    expect(() => sealer.offer(offerOf(5))).toThrow(expect.objectContaining({ code: 'too-many-offers' }));
    sealer.offer(offerOf(4));
  });
});

describe('chunks wait', () => {
  test('before the first offer, holding the stream up, and lose nothing', () => {
    const { sealer, began } = sealerOf();
    expect(seal(sealer, P, x, K)).toEqual([]);
    let room = true;
    for (let i = 0; i < 100 && room; i++) room = sealer.write(x);
    expect(room).toBe(false);
    expect(sealer.writableLength).toBeLessThanOrEqual(sealer.writableHighWaterMark);
    sealer.offer(offerOf(1));
    expect(taken<SealedChunk>(sealer).map(outline).slice(0, 4)).toEqual(['1.0 P', '1.1 x', '1.2 K', '1.3 x']);
    expect(began).toEqual([{ epoch: 1, atMs: 0, forced: false }]);
    expect(sealer.droppedChunks).toBe(0);
  });

  test('until the time of the offer has come', () => {
    const { sealer, time, began } = sealerOf();
    seal(sealer, P, x, K);
    sealer.offer(offerOf(2, { notBeforeMs: 300, notAfterMs: 300 }));
    sealer.offer(offerOf(1, { notBeforeMs: 100, notAfterMs: 100 }));
    time.advance(99);
    expect(taken(sealer)).toEqual([]);
    time.advance(1);
    expect(taken<SealedChunk>(sealer).map(outline)).toEqual(['1.0 P', '1.1 x', '1.2 K']);
    expect(began).toEqual([{ epoch: 1, atMs: 100, forced: false }]);
    expect(time.waiting).toBe(0);
  });
});

describe('while the broadcaster is away', () => {
  const returning = [x, chunk('Q', preamble), chunk('L', keyframe), chunk('y')];

  test('the epoch takes no more chunks, and the return begins the next with a keyframe', () => {
    const { sealer, began } = sealerOf();
    sealer.offer(offerOf(1));
    seal(sealer, P, K, x);
    sealer.suspend();
    expect(seal(sealer, ...returning)).toEqual([]);
    sealer.offer(offerOf(2));
    expect(taken<SealedChunk>(sealer).map(outline)).toEqual(['2.0 Q', '2.1 L', '2.2 y']);
    expect(sealer.droppedChunks).toBe(1);
    expect(began[1]).toEqual({ epoch: 2, atMs: 0, forced: false });
  });

  test('an unchanged preamble, which does not come again, is remembered', () => {
    const { sealer } = sealerOf();
    sealer.offer(offerOf(1));
    seal(sealer, P, K, x);
    sealer.suspend();
    sealer.offer(offerOf(2));
    expect(seal(sealer, x, chunk('L', keyframe))).toEqual(['2.0 P', '2.1 L']);
  });

  test('an offer made before holds, and begins without a keyframe once its time is over, with nothing of the old group', () => {
    const { sealer, time, began } = sealerOf();
    sealer.offer(offerOf(1));
    sealer.offer(offerOf(2, { notBeforeMs: 100, notAfterMs: 200 }));
    seal(sealer, P, K, x);
    sealer.suspend();
    time.advance(150);
    expect(seal(sealer, x)).toEqual([]);
    time.advance(50);
    expect(seal(sealer, chunk('y'))).toEqual(['2.0 P', '2.1 y']);
    expect(began[1]).toEqual({ epoch: 2, atMs: 200, forced: true });
  });

  test('a chunk that waited for the first epoch gives way to the next keyframe', () => {
    const { sealer } = sealerOf();
    seal(sealer, P, x);
    sealer.suspend();
    sealer.offer(offerOf(1));
    expect(seal(sealer, x, K)).toEqual(['1.0 P', '1.1 K']);
  });
});

describe('without a next epoch', () => {
  test('sealing stops at the end of the epoch’s lifetime, and goes on at a keyframe of the next', () => {
    const { sealer, time, began, starved } = sealerOf();
    sealer.offer(offerOf(1, { lifetimeMs: 100 }));
    seal(sealer, P, K, x);
    time.advance(100);
    expect(seal(sealer, x)).toEqual(['1.3 x']);
    expect(starved).not.toHaveBeenCalled();
    time.advance(1);
    expect(seal(sealer, x, K, chunk('Q', preamble), x)).toEqual([]);
    expect(starved).toHaveBeenCalledTimes(1);
    expect(sealer.droppedChunks).toBe(3);
    sealer.offer(offerOf(2, { notBeforeMs: 150, notAfterMs: 160, lifetimeMs: 100 }));
    expect(seal(sealer, K)).toEqual([]);
    time.advance(100);
    expect(seal(sealer, x, K, x)).toEqual(['2.0 Q', '2.1 K', '2.2 x']);
    expect(began[1]).toEqual({ epoch: 2, atMs: 201, forced: false });
    time.advance(101);
    seal(sealer, x, x);
    expect(starved).toHaveBeenCalledTimes(2);
  });

  test('nothing stops as long as one is on offer', () => {
    const { sealer, time, starved } = sealerOf();
    sealer.offer(offerOf(1, { lifetimeMs: 100 }));
    sealer.offer(offerOf(2, { notBeforeMs: 150, notAfterMs: 160 }));
    seal(sealer, P, K);
    time.advance(140);
    expect(seal(sealer, x)).toEqual(['1.2 x']);
    time.advance(20);
    expect(seal(sealer, x)).toEqual(['2.0 P', '2.1 K+', '2.2 x+', '2.3 x']);
    expect(starved).not.toHaveBeenCalled();
  });
});

describe('a sealer', () => {
  test('lets go of what waits when it is destroyed', async () => {
    const { sealer, time } = sealerOf();
    seal(sealer, P, K);
    sealer.offer(offerOf(1, { notBeforeMs: 100 }));
    expect(time.waiting).toBe(1);
    const closed = new Promise((resolve) => sealer.once('close', resolve));
    sealer.destroy();
    await closed;
    expect(time.waiting).toBe(0);
    sealer.offer(offerOf(2));
    sealer.suspend();
  });

  test('fails as a stream when its owner fails in onBegan', async () => {
    const failure = new Error('the ledger is gone');
    const { sealer } = sealerOf({
      onBegan: () => {
        throw failure;
      },
    });
    const failed = new Promise((resolve) => sealer.once('error', resolve));
    sealer.offer(offerOf(1));
    seal(sealer, P, K);
    expect(await failed).toBe(failure);
  });
});
