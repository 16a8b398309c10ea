import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Flag } from '../../src/media/chunk.ts';
import { ERROR_CODES } from '../../src/protocol/messages.ts';
import { FakeServer, TARIFF, usage } from './fake-server.ts';
import { CONFIGURATION, flvTag, PREAMBLE, Watcher } from './viewer-harness.ts';

let server: FakeServer;
const watchers: Watcher[] = [];

const watch = (options: ConstructorParameters<typeof Watcher>[1] = {}): Watcher => {
  const watcher = new Watcher(server, options);
  watchers.push(watcher);
  return watcher;
};

/** A watcher whose media socket is open. */
async function joined(): Promise<Watcher> {
  const watcher = watch();
  const before = server.mediaConnections;
  await server.activity.until(() => server.mediaConnections > before);
  return watcher;
}

/** A watcher that has been passed on a preamble and one keyframe. */
async function watching(): Promise<{ watcher: Watcher; bytes: Buffer[] }> {
  const watcher = await joined();
  const keyframe = flvTag(9, 0, 'keyframe');
  server.chunk(Flag.preamble, PREAMBLE);
  server.chunk(Flag.keyframe, keyframe);
  await watcher.bytesPassedOn(PREAMBLE.length + keyframe.length);
  return { watcher, bytes: [PREAMBLE, keyframe] };
}

beforeEach(async () => {
  server = await FakeServer.start();
});

afterEach(async () => {
  for (const watcher of watchers.splice(0)) {
    server.ignore.delete('stop');
    server.control?.terminate();
    server.refuse.set('resume', 'resume-invalid');
    void watcher.client.stop();
    await watcher.client.ended;
  }
  await server.close();
});

describe('a viewing', () => {
  test('passes on what was sealed, and tells what it cost when it is stopped', async () => {
    const { watcher, bytes } = await watching();
    const frame = flvTag(9, 40, 'frame');
    const sound = flvTag(8, 42, 'sound');
    server.sendChunks(server.seal(0, frame), server.seal(0, sound));
    await watcher.bytesPassedOn(Buffer.concat([...bytes, frame, sound]).length);
    expect(watcher.bytes).toEqual(Buffer.concat([...bytes, frame, sound]));

    server.billedMs = 12_340;
    expect(await watcher.client.stop()).toMatchObject({
      by: 'server',
      reason: 'stopped',
      usage: { billableMs: 12_340 },
      final: true,
    });
    expect(watcher.states).toEqual(['waiting-for-key', 'waiting-for-media', 'watching', 'stopping', 'ended']);
    expect(watcher.client.statistics).toMatchObject({ openedChunks: 4, confirmedEpochs: 1 });
  });

  test('is open to a reader as an iterable that ends with it', async () => {
    const watcher = watch();
    const bytes = watcher.client.bytes();
    await server.activity.until(() => server.media !== undefined);
    const frame = flvTag(9, 0, 'keyframe');
    server.sendChunks(server.seal(Flag.preamble, PREAMBLE), server.seal(Flag.keyframe, frame));
    server.end('broadcast-ended');
    const read: Uint8Array[] = [];
    for await (const piece of bytes) read.push(piece);
    expect(Buffer.concat(read)).toEqual(Buffer.concat([PREAMBLE, frame]));
    expect(await watcher.client.ended).toMatchObject({ by: 'server', reason: 'broadcast-ended' });
  });

  test('gives out the chunks that were still under way when its end was told', async () => {
    const { watcher, bytes } = await watching();
    server.say({ type: 'ended', reason: 'stopped', usage: usage(0), final: true });
    const { control } = server;
    control?.close(1000);
    await server.activity.until(() => control?.readyState === control?.CLOSED);
    const last = flvTag(9, 40, 'the last frame');
    server.chunk(0, last);
    server.media?.close(1000);
    await watcher.client.ended;
    expect(watcher.bytes).toEqual(Buffer.concat([...bytes, last]));
  });

  test('confirms each epoch with its count of opened chunks, and crosses into the next without losing a byte', async () => {
    const { watcher, bytes } = await watching();
    server.prepareEpoch();
    await server.sendKey(2);
    await server.activity.until(() => server.viewing.receipts.length === 2);
    expect(server.viewing.receipts.map(({ epoch, chunks }) => ({ epoch, chunks }))).toEqual([
      { epoch: 1, chunks: 0 },
      { epoch: 2, chunks: 2 },
    ]);

    const frames = Array.from({ length: 40 }, (_, index) => flvTag(9, 40 * (index + 1), `frame ${index}`));
    for (const [index, frame] of frames.entries()) {
      if (index === 20) {
        server.beginEpoch();
        server.chunk(Flag.preamble, PREAMBLE);
      }
      server.chunk(index === 20 ? Flag.keyframe : 0, frame);
    }
    const all = Buffer.concat([...bytes, ...frames]);
    await watcher.bytesPassedOn(all.length);
    expect(watcher.bytes).toEqual(all);
  });

  test('answers two keys that come at once', async () => {
    server.prepareEpoch();
    const watcher = await joined();
    await watcher.activity.until(() => watcher.confirmed.length === 2);
    expect(watcher.confirmed).toEqual([1, 2]);
  });

  test('passes on nothing of an epoch whose key it was not given', async () => {
    const { watcher, bytes } = await watching();
    server.beginEpoch();
    server.chunk(Flag.preamble, PREAMBLE);
    server.chunk(Flag.keyframe, flvTag(9, 40, 'secret'));
    server.end('unconfirmed');
    await watcher.client.ended;
    expect(watcher.bytes).toEqual(Buffer.concat(bytes));
    expect(watcher.client.statistics.droppedChunks.withoutKey).toBe(2);
  });

  test('passes on a changed preamble without its FLV header', async () => {
    const { watcher, bytes } = await watching();
    const changed = flvTag(9, 80, 'another configuration');
    server.chunk(Flag.preamble, Buffer.concat([PREAMBLE.subarray(0, 13), changed]));
    await watcher.bytesPassedOn(Buffer.concat(bytes).length + changed.length);
    expect(watcher.bytes.subarray(-changed.length)).toEqual(changed);
    expect(watcher.bytes.indexOf('FLV', 1)).toBe(-1);
    expect(watcher.bytes.indexOf(CONFIGURATION)).toBe(13);
  });

  test('says when the broadcaster is away and when it is back', async () => {
    const { watcher } = await watching();
    server.say({ type: 'media', state: 'away' });
    await watcher.stateReached('away');
    server.say({ type: 'media', state: 'live' });
    await watcher.stateReached('watching');
  });

  test('stays away over the last chunks from before, and is back with the first of a new epoch', async () => {
    server.prepareEpoch();
    const { watcher, bytes } = await watching();
    await watcher.activity.until(() => watcher.confirmed.includes(2));
    server.say({ type: 'media', state: 'away' });
    await watcher.stateReached('away');
    const last = flvTag(9, 40, 'the last frame before');
    server.chunk(0, last);
    await watcher.bytesPassedOn(Buffer.concat([...bytes, last]).length);
    expect(watcher.client.state).toBe('away');
    server.beginEpoch();
    server.chunk(Flag.preamble, PREAMBLE);
    await watcher.stateReached('watching');
  });

  test('waits for its turn for as long as the server says so, and begins by itself', async () => {
    const turn = Promise.withResolvers<void>();
    server.turn = turn.promise;
    const watcher = watch();
    await server.activity.until(() => server.messages.length === 1);
    expect(watcher.client.waiting).toBeUndefined();
    const told = [
      { ahead: 312, expectedMs: 4_100 },
      { ahead: 7, expectedMs: 90 },
    ];
    for (const waiting of told) server.say({ type: 'waiting', ...waiting });
    await watcher.activity.until(() => watcher.waiting.length === 2);
    expect([watcher.waiting, watcher.client.waiting, watcher.client.state]).toEqual([told, told[1], 'waiting-for-turn']);
    turn.resolve();
    await watcher.stateReached('waiting-for-media');
    expect(watcher.states).toEqual(['waiting-for-turn', 'waiting-for-key', 'waiting-for-media']);
    expect([watcher.client.waiting, server.messages.map(({ type }) => type)]).toEqual([undefined, ['watch', 'receipt']]);
  });

  test('gives up its place when it is stopped while it waits', async () => {
    server.ignore.add('watch');
    const watcher = watch();
    await server.activity.until(() => server.messages.length === 1);
    server.say({ type: 'waiting', ahead: 312, expectedMs: 4_100 });
    await watcher.stateReached('waiting-for-turn');
    expect(await watcher.client.stop()).toMatchObject({ by: 'error', error: { code: 'cancelled' }, usage: undefined });
    await server.activity.until(() => server.control?.readyState === server.control?.CLOSED);
    expect(server.messages).toHaveLength(1);
  });

  test('takes no notice of messages and fields that it does not know', async () => {
    const { watcher } = await watching();
    server.control?.send(JSON.stringify({ type: 'weather', sunny: true }));
    server.control?.send(JSON.stringify({ type: 'media', state: 'away', since: 'noon' }));
    await watcher.stateReached('away');
  });
});

describe('a lost control socket', () => {
  test('is replaced: the viewing goes on, the missed key comes again, and no byte is lost', async () => {
    const { watcher, bytes } = await watching();
    server.ignore.add('receipt');
    server.prepareEpoch();
    await server.sendKey(2);
    await server.activity.until(() => server.messages.filter(({ type }) => type === 'receipt').length === 2);
    server.ignore.delete('receipt');
    server.control?.terminate();
    await watcher.stateReached('reconnecting');
    await watcher.activity.until(() => watcher.confirmed.includes(2));

    server.beginEpoch();
    const frame = flvTag(9, 40, 'frame');
    server.chunk(Flag.preamble, PREAMBLE);
    server.chunk(Flag.keyframe, frame);
    await watcher.bytesPassedOn(Buffer.concat([...bytes, frame]).length);
    expect(watcher.bytes).toEqual(Buffer.concat([...bytes, frame]));
    expect(server.viewings).toHaveLength(1);
    expect(server.viewing.resumes).toBe(1);
    expect(server.mediaConnections).toBe(1);
  });

  test('ends the viewing when the server does not let it resume', async () => {
    const { watcher } = await watching();
    server.refuse.set('resume', 'resume-invalid');
    server.control?.terminate();
    expect(await watcher.client.ended).toMatchObject({
      by: 'error',
      error: { code: 'resume-invalid' },
      usage: { billableMs: 0 },
    });
  });

  test('is tried again while the server is unavailable', async () => {
    const { watcher } = await watching();
    server.refuse.set('resume', 'unavailable');
    server.control?.terminate();
    await server.activity.until(() => server.messages.filter(({ type }) => type === 'resume').length === 2);
    server.refuse.delete('resume');
    await watcher.stateReached('watching');
  });

  test('waits for its turn to be resumed, too', async () => {
    const { watcher } = await watching();
    const turn = Promise.withResolvers<void>();
    server.turn = turn.promise;
    server.control?.terminate();
    await server.activity.until(() => server.messages.at(-1)?.type === 'resume');
    server.say({ type: 'waiting', ahead: 3, expectedMs: 40 });
    await watcher.activity.until(() => watcher.waiting.length === 1);
    expect([watcher.client.state, watcher.client.waiting]).toEqual(['reconnecting', undefined]);
    turn.resolve();
    await watcher.stateReached('watching');
    expect(server.viewing.resumes).toBe(1);
  });

  test('does not keep a viewing from being stopped', async () => {
    const { watcher } = await watching();
    server.control?.terminate();
    await watcher.stateReached('reconnecting');
    expect(await watcher.client.stop()).toMatchObject({ by: 'server', reason: 'stopped' });
  });
});

describe('a lost media socket', () => {
  test('is replaced by another ticket; what is sent again is not passed on again', async () => {
    const { watcher, bytes } = await watching();
    const seen = server.seal(0, flvTag(9, 40, 'seen'));
    server.sendChunks(seen);
    await watcher.bytesPassedOn(Buffer.concat([...bytes, flvTag(9, 40, 'seen')]).length);
    server.media?.terminate();
    const missed = server.seal(0, flvTag(9, 80, 'missed'));
    await server.activity.until(() => server.mediaConnections === 2);
    server.sendChunks(seen, missed);
    const all = Buffer.concat([...bytes, flvTag(9, 40, 'seen'), flvTag(9, 80, 'missed')]);
    await watcher.bytesPassedOn(all.length);
    expect(watcher.bytes).toEqual(all);
    expect(server.viewing.tickets).toBe(2);
    expect(watcher.client.statistics.droppedChunks.replayed).toBe(1);
    expect(watcher.states).toContain('reconnecting');
  });

  test('is what a malformed media message makes of it', async () => {
    const { watcher } = await watching();
    server.media?.send(Buffer.from('00000009abcd', 'hex'));
    await server.activity.until(() => server.mediaConnections === 2);
    expect(watcher.client.state).toBe('reconnecting');
  });

  test('waits for the control socket if both are lost', async () => {
    const { watcher } = await watching();
    server.media?.terminate();
    server.control?.terminate();
    await server.activity.until(() => server.mediaConnections === 2);
    server.chunk(0, flvTag(9, 40, 'frame'));
    await watcher.stateReached('watching');
    expect(server.viewing.resumes).toBe(1);
  });
});

describe('what the server refuses', () => {
  test.each(ERROR_CODES)('ends the viewing with a typed error: %s', async (code) => {
    server.refuse.set('watch', code);
    const watcher = watch();
    expect(await watcher.client.ended).toMatchObject({ by: 'error', error: { name: 'Refusal', code }, usage: undefined });
    expect(watcher.client.state).toBe('ended');
  });

  test('is passed on while the viewing goes on, if it is not fatal', async () => {
    const { watcher } = await watching();
    server.fail('receipt-invalid', false);
    await watcher.activity.until(() => watcher.refused.length === 1);
    expect(watcher.refused).toEqual(['receipt-invalid']);
    expect(watcher.client.state).toBe('watching');
  });

  test('is a price other than the one consented to', async () => {
    server.tariff = { ...TARIFF, pricePerMinute: '6.00' };
    expect(await watch().client.ended).toMatchObject({ by: 'error', error: { code: 'tariff-changed' } });
  });
});

test('a ticket to nowhere is as good as an edge that cannot be reached: another one is asked for', async () => {
  const { watcher } = await watching();
  const [tickets, connections] = [server.viewing.tickets, server.mediaConnections];
  server.media?.terminate();
  server.control?.send('{"type":"ticket","ticket":"x","url":"http://[","expiresInMs":1}');
  await server.activity.until(() => server.viewing.tickets > tickets && server.mediaConnections > connections);
  expect(watcher.refused).toContain('bad-address');
});

describe('what has no place in the protocol', () => {
  test.each([
    ['a message that is no JSON', 'not JSON'],
    ['a known message without its fields', '{"type":"key"}'],
    ['a message beyond the limit', `{"type":"media","state":"away","x":"${'x'.repeat(17_000)}"}`],
    ['a key under no known session key', '{"type":"key","epoch":2,"jwe":"a.b.c.d.e","startsInMs":0,"answerWithinMs":0}'],
    ['a second hello', '{"type":"hello","challenge":"x"}'],
  ])('ends the viewing: %s', async (_what, message) => {
    const { watcher } = await watching();
    server.control?.send(message);
    const end = await watcher.client.ended;
    expect(end).toMatchObject({ by: 'error', error: { code: expect.stringMatching(/^(protocol-violation|bad-address)$/) } });
    await server.activity.until(() => server.viewing.ended);
  });
});

describe('without a server or a safe context', () => {
  test('an address where nobody listens is unreachable', async () => {
    const { base } = server;
    await server.close();
    const watcher = new Watcher({ base });
    expect(await watcher.client.ended).toMatchObject({ by: 'error', error: { code: 'unreachable' } });
  });

  test('stopping before the viewing began cancels it', async () => {
    server.ignore.add('watch');
    const watcher = watch();
    await server.activity.until(() => server.messages.length === 1);
    expect(await watcher.client.stop()).toMatchObject({ by: 'error', error: { code: 'cancelled' } });
  });

  test('without WebCrypto the error says that HTTPS is needed', async () => {
    const { crypto } = globalThis;
    Object.defineProperty(globalThis, 'crypto', { configurable: true, value: {} });
    try {
      const end = await watch().client.ended;
      expect(end).toMatchObject({ error: { code: 'insecure-context', message: expect.stringContaining('HTTPS') } });
    } finally {
      Object.defineProperty(globalThis, 'crypto', { configurable: true, value: crypto });
    }
  });
});
