import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { Broadcast } from '../../src/ingest/broadcast.ts';
import { Broadcasts, type BroadcastsOptions } from '../../src/ingest/broadcasts.ts';
import type { PublicationSink, PublishDecision } from '../../src/ingest/publication.ts';
import type { FlvTag, FlvTags } from '../../src/media/flv.ts';
import { FakeTime } from '../media/fake-time.ts';
import { avcConfiguration, interframe, keyframe, metadata } from '../media/tags.ts';

const GRACE_MS = 15_000;

/** Broadcasts of which everything that happens is noted down in order. */
class Rig {
  readonly time = new FakeTime();
  readonly happened: string[] = [];
  readonly broadcasts: Broadcasts;

  constructor(options: Partial<BroadcastsOptions> = {}) {
    this.broadcasts = new Broadcasts({
      graceMs: GRACE_MS,
      clock: this.time,
      timers: this.time,
      log: pino({ level: 'silent' }),
      verify: (_, key) => (key === 'good' ? undefined : { code: 'stream-key', message: 'wrong' }),
      onBroadcast: (broadcast) => this.#note(broadcast),
      ...options,
    });
  }

  publish(program = 'news', streamKey = 'good'): Promise<PublishDecision> {
    return this.broadcasts.publish({ program, streamKey, remoteAddress: '::1' });
  }

  async connect(program = 'news'): Promise<PublicationSink> {
    const decision = await this.publish(program);
    if (!decision.accepted) throw new Error(decision.message);
    return decision.sink;
  }

  #note(broadcast: Broadcast): void {
    this.happened.push('began');
    broadcast.on('away', () => this.happened.push('away'));
    broadcast.on('back', () => this.happened.push('back'));
    broadcast.on('ended', (reason) => this.happened.push(`ended: ${reason}`));
    broadcast.tags.on('data', (tags: FlvTags) => this.happened.push(...tags.map((tag) => `${tag.timestampMs}`)));
    broadcast.tags.on('end', () => this.happened.push('end of tags'));
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const refusalCode = (decision: PublishDecision) => (decision.accepted ? undefined : decision.code);

describe('A broadcaster that drops', () => {
  test('and is back in time goes on with the same broadcast, on one timeline', async () => {
    const rig = new Rig();
    const first = await rig.connect();
    first.write([metadata(0), keyframe(0), interframe(40)]);
    await settled();
    first.end('dropped');
    rig.time.advance(GRACE_MS - 1);
    (await rig.connect()).write([metadata(0), avcConfiguration(0), keyframe(0), interframe(40)]);
    await settled();
    rig.time.advance(GRACE_MS);
    expect(rig.happened).toEqual(['began', '0', '0', '40', 'away', 'back', '80', '80', '80', '120']);
  });

  test.each(['dropped', 'unpublished'] as const)('(%s) and is not back in time has ended its broadcast', async (how) => {
    const rig = new Rig();
    const sink = await rig.connect();
    sink.write([keyframe(0)]);
    await settled();
    sink.end(how);
    rig.time.advance(GRACE_MS - 1);
    expect(rig.happened).toEqual(['began', '0', 'away']);
    rig.time.advance(1);
    await settled();
    expect(rig.happened).toEqual(['began', '0', 'away', 'ended: broadcast-ended', 'end of tags']);
    expect(rig.broadcasts.of('news')).toBeUndefined();
  });

  test('begins another broadcast after that', async () => {
    const rig = new Rig();
    (await rig.connect()).end('dropped');
    const first = rig.broadcasts.of('news');
    rig.time.advance(GRACE_MS);
    await settled();
    (await rig.connect()).write([keyframe(5)]);
    await settled();
    expect(rig.happened).toEqual(['began', 'away', 'ended: broadcast-ended', 'end of tags', 'began', '5']);
    expect(rig.broadcasts.of('news')?.id).not.toBe(first?.id);
  });

  test('and comes back without sending anything has not been back', async () => {
    const rig = new Rig();
    const first = await rig.connect();
    first.write([keyframe(0)]);
    first.end('dropped');
    rig.time.advance(10_000);
    const second = await rig.connect();
    rig.time.advance(10_000);
    expect(rig.happened).not.toContain('ended: broadcast-ended');
    second.end('dropped');
    rig.time.advance(0);
    expect(rig.happened).toContain('ended: broadcast-ended');
    expect(rig.happened).not.toContain('back');
  });

  test('leaves nothing behind that a late write could change', async () => {
    const rig = new Rig();
    const first = await rig.connect();
    first.end('dropped');
    const second = await rig.connect();
    first.write([keyframe(1)]);
    first.end('dropped');
    second.write([keyframe(2)]);
    await settled();
    expect(rig.happened).toEqual(['began', 'away', 'back', '2']);
  });
});

describe('A publisher is refused', () => {
  test('by the reason that its stream key gives', async () => {
    const rig = new Rig();
    expect(refusalCode(await rig.publish('news', 'bad'))).toBe('stream-key');
    expect(rig.happened).toEqual([]);
  });

  test('while another one is connected, with the right key too', async () => {
    const rig = new Rig();
    await rig.connect();
    expect(refusalCode(await rig.publish())).toBe('already-publishing');
    expect(refusalCode(await rig.publish('news', 'bad'))).toBe('stream-key');
    expect((await rig.publish('sports')).accepted).toBe(true);
  });

  test('once the relay is being stopped', async () => {
    const rig = new Rig();
    rig.broadcasts.close();
    expect(refusalCode(await rig.publish())).toBe('shutdown');
  });

  test('when its broadcast cannot begin, which leaves the program free', async () => {
    let fails = true;
    const rig = new Rig({
      onBroadcast: () => {
        if (fails) throw new Error('no key');
      },
    });
    await expect(rig.publish()).rejects.toThrow('no key');
    fails = false;
    expect((await rig.publish()).accepted).toBe(true);
  });
});

describe('A broadcast that is ended', () => {
  test('cuts its broadcaster off and tells why', async () => {
    const rig = new Rig();
    const told: string[] = [];
    (await rig.connect()).onKick(({ message }) => told.push(message));
    rig.broadcasts.end('news', 'program-removed');
    expect(rig.happened).toEqual(['began', 'ended: program-removed']);
    expect(told).toEqual(['the program was removed']);
    rig.time.advance(GRACE_MS);
    expect(rig.time.waiting).toBe(0);
  });

  test('while its broadcaster goes away stays ended', async () => {
    const rig = new Rig();
    const sink = await rig.connect();
    rig.broadcasts.of('news')?.on('away', () => rig.broadcasts.end('news', 'shutdown'));
    sink.end('dropped');
    expect(rig.happened).toEqual(['began', 'away', 'ended: shutdown']);
    expect(rig.time.waiting).toBe(0);
  });

  test('by closing all ends each, once', async () => {
    const rig = new Rig();
    (await rig.connect('news')).end('dropped');
    await rig.connect('sports');
    rig.broadcasts.close();
    expect(rig.happened.filter((each) => each === 'ended: shutdown')).toHaveLength(2);
    expect(rig.time.waiting).toBe(0);
  });

  test('by the failure of what reads it cuts its broadcaster off', async () => {
    const rig = new Rig();
    const kicked = Promise.withResolvers<string>();
    (await rig.connect()).onKick(({ code }) => kicked.resolve(code));
    rig.broadcasts.of('news')?.tags.destroy();
    expect(await kicked.promise).toBe('internal');
    expect(rig.broadcasts.of('news')).toBeUndefined();
  });
});

describe('A reader that cannot keep up', () => {
  const frames = (count: number): FlvTag[] => Array.from({ length: count }, (_, index) => interframe(index, 'x'.repeat(985)));

  test('holds the broadcaster back, and lets it go on once there is room, with nothing lost', async () => {
    let broadcast: Broadcast | undefined;
    const rig = new Rig({
      maxQueuedBytes: 10_000,
      onBroadcast: (begun) => {
        broadcast = begun;
      },
    });
    const sink = await rig.connect();
    const drained = Promise.withResolvers<void>();
    sink.onDrain(() => drained.resolve());
    const all = frames(40);
    const sent: FlvTag[] = [];
    for (const frame of all) {
      sent.push(frame);
      if (!sink.write([frame])) break;
    }
    expect(sent.length).toBeLessThan(15);
    const read: FlvTag[] = [];
    broadcast?.tags.on('data', (tags: FlvTags) => read.push(...tags));
    await drained.promise;
    for (const frame of all.slice(sent.length)) sink.write([frame]);
    rig.broadcasts.close();
    if (broadcast) await once(broadcast.tags, 'end');
    expect(read.map(({ timestampMs }) => timestampMs)).toEqual(all.map(({ timestampMs }) => timestampMs));
  });
});
