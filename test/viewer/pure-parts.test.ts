import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { backOffMs, RECONNECT_BACK_OFF } from '../../src/back-off.ts';
import { KeyRhythm } from '../../src/viewer/key-rhythm.ts';
import { splitMediaMessage } from '../../src/viewer/media-message.ts';
import { RunningUsage } from '../../src/viewer/running-usage.ts';
import { serverUrl } from '../../src/viewer/socket.ts';
import { viewerState } from '../../src/viewer/state.ts';
import { mediaMessage, usage } from './fake-server.ts';

describe('a media message', () => {
  test('is split into the chunks that it was made of', () => {
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { minLength: 1, maxLength: 10 });
    fc.assert(fc.property(chunks, (all) => expect(splitMediaMessage(Uint8Array.from(mediaMessage(...all)))).toEqual(all)));
  });

  test('is refused whole if anything in it is cut off, empty, or too much', () => {
    const message = Uint8Array.from(mediaMessage(Uint8Array.of(1, 2, 3), Uint8Array.of(4)));
    for (const end of [0, 2, 6, 7 + 3, 7 + 4]) expect(splitMediaMessage(message.slice(0, end))).toBeUndefined();
    expect(splitMediaMessage(new Uint8Array(4))).toBeUndefined();
    expect(splitMediaMessage(new Uint8Array(16 * 1024 * 1024 + 1))).toBeUndefined();
  });
});

describe('the wait before another attempt', () => {
  test('grows, stays within its bound, and is never under half of what it may be', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
        const whole = Math.min(RECONNECT_BACK_OFF.mostMs, RECONNECT_BACK_OFF.firstMs * 2 ** attempt);
        const waitMs = backOffMs(attempt, random);
        expect(waitMs).toBeGreaterThanOrEqual(whole / 2);
        expect(waitMs).toBeLessThanOrEqual(whole);
      }),
    );
  });
});

describe('the silence that is nothing to worry about', () => {
  test('is a minute before the period is known, then some periods', () => {
    const rhythm = new KeyRhythm();
    expect(rhythm.silenceMs).toBe(60_000);
    rhythm.key(1, 0);
    rhythm.key(2, 5);
    expect(rhythm.silenceMs).toBe(60_000);
    rhythm.key(3, 10_005);
    expect(rhythm.silenceMs).toBe(30_000);
    rhythm.key(3, 90_000);
    expect(rhythm.silenceMs).toBe(30_000);
  });
});

describe('running usage', () => {
  test('counts while chunks come, and not over gaps of more than a second', () => {
    const running = new RunningUsage();
    for (const atMs of [0, 40, 80, 1_080, 2_081, 2_100]) running.chunk(atMs);
    expect(running.billableMs).toBe(1_080 + 19);
  });

  test("is corrected by the server's figure, but does not run back for a little", () => {
    const running = new RunningUsage();
    running.chunk(0);
    running.chunk(900);
    expect(running.billableMs).toBe(900);
    running.correct(usage(500));
    expect(running.billableMs).toBe(900);
    running.chunk(1_600);
    expect(running.billableMs).toBe(1_200);
    running.correct(usage(10_000));
    expect(running.billableMs).toBe(10_000);
    running.correct(usage(2_000));
    expect(running.billableMs).toBe(2_000);
  });
});

describe("a server's address", () => {
  test.each([
    ['https://video.example', '/v1/control', 'ws', 'wss://video.example/v1/control'],
    ['http://127.0.0.1:8080/', '/v1/control', 'ws', 'ws://127.0.0.1:8080/v1/control'],
    ['https://video.example/live', '/v1/programs', 'http', 'https://video.example/live/v1/programs'],
    [
      'https://video.example/live/',
      '/v1/programs/a/media?ticket=x',
      'ws',
      'wss://video.example/live/v1/programs/a/media?ticket=x',
    ],
    ['https://video.example', 'wss://edge.example/m?ticket=x', 'ws', 'wss://edge.example/m?ticket=x'],
    ['https://video.example', 'https://edge.example/m#x', 'ws', 'wss://edge.example/m'],
  ] as const)('%s and %s make a %s address', (base, path, kind, url) => {
    expect(serverUrl(base, path, kind)).toBe(url);
  });

  test.each(['video.example', 'ftp://video.example', ''])('is not %p', (base) => {
    expect(() => serverUrl(base, '/v1/control', 'ws')).toThrow(expect.objectContaining({ code: 'bad-address' }));
  });
});

describe('the state that is shown', () => {
  const watching = { control: 'open', media: 'flowing', confirmed: true, away: false, stopping: false, ended: false } as const;

  test.each([
    [{}, 'watching'],
    [{ control: 'connecting' }, 'connecting'],
    [{ control: 'waiting', media: 'none', confirmed: false }, 'waiting-for-turn'],
    [{ confirmed: false }, 'waiting-for-key'],
    [{ media: 'none' }, 'waiting-for-media'],
    [{ media: 'lost' }, 'reconnecting'],
    [{ control: 'lost', away: true }, 'reconnecting'],
    [{ away: true, media: 'lost' }, 'away'],
    [{ stopping: true, control: 'lost' }, 'stopping'],
    [{ stopping: true, ended: true }, 'ended'],
  ] as const)('with %p is %s', (facts, state) => {
    expect(viewerState({ ...watching, ...facts })).toBe(state);
  });
});
