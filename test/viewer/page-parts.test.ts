import { describe, expect, test } from '@jest/globals';
import { TollcastError } from '../../src/errors.ts';
import { ERROR_CODES } from '../../src/protocol/messages.ts';
import { CLIENT_ERROR_CODES, type ViewingEnd } from '../../src/viewer/end.ts';
import { Rewatch } from '../../src/viewer/rewatch.ts';
import { END_REASONS } from '../../src/viewing/end-reason.ts';
import { formatConsent, formatMoney, formatTariff, formatTime } from '../../src/web/figures.ts';
import { betterPosition } from '../../src/web/live-edge.ts';
import { cardOf, type PageState } from '../../src/web/page-state.ts';
import { parseWatchLink } from '../../src/web/watch-link.ts';
import { endingWords, endWords, problemWords, waitingWords } from '../../src/web/wording.ts';
import { TARIFF, usage } from './fake-server.ts';

const program = { name: 'news', title: 'The evening news', live: true, tariff: TARIFF };

describe('a watch link', () => {
  test('names server, program, token and whether to begin at once', () => {
    expect(parseWatchLink('https://video.example/watch/news#token=a.b.c&autoplay=1')).toEqual({
      base: 'https://video.example',
      program: 'news',
      token: 'a.b.c',
      autoplay: true,
    });
  });

  test('may lead below a prefix, and carry no token', () => {
    expect(parseWatchLink('http://localhost:8080/tv/watch/caf%C3%A9/?x=1')).toEqual({
      base: 'http://localhost:8080/tv',
      program: 'café',
      token: undefined,
      autoplay: false,
    });
  });

  test('is nothing else', () => {
    expect(parseWatchLink('https://video.example/console')).toBeUndefined();
  });

  test('that is not encoded as addresses are is none', () => {
    expect(parseWatchLink('https://video.example/watch/%E0%A4%A')).toBeUndefined();
  });
});

describe('money and time', () => {
  test('are written as the locale writes them, and no digit of a price is lost', () => {
    expect(formatMoney('0.60', 'EUR', 'en-IE')).toBe('€0.60');
    expect(formatMoney('0.60', 'EUR', 'de-DE')).toBe('0,60\u00a0€');
    expect(formatMoney('0.125', 'EUR', 'en-IE')).toBe('€0.125');
    expect(formatMoney('20', 'JPY', 'ja-JP')).toBe('￥20');
    expect([0, 7, 754, 3723].map(formatTime)).toEqual(['0:00', '0:07', '12:34', '1:02:03']);
  });

  test('say how a price is billed', () => {
    expect(formatTariff(TARIFF, 'en-IE')).toBe('€0.60 per minute, billed by the second');
    expect(formatTariff({ ...TARIFF, incrementSeconds: 60 }, 'en-IE')).toBe('€0.60 per minute, billed by the minute');
    expect(formatTariff({ ...TARIFF, incrementSeconds: 10 }, 'en-IE')).toBe('€0.60 per minute, billed in steps of 10 seconds');
    expect(formatConsent(TARIFF, 'en-IE')).toBe('Watch for €0.60 / min');
    expect(formatConsent({ ...TARIFF, pricePerMinute: '0.00' })).toBe('Watch for free');
  });
});

describe('what the page says', () => {
  test.each([...ERROR_CODES, ...CLIENT_ERROR_CODES])(
    'of the error %s is a sentence for viewers, or what the server says',
    (code) => {
      const { heading, text } = problemWords({ code, message: 'as the server put it' });
      expect(heading).not.toBe('');
      expect(text.length).toBeGreaterThan(10);
    },
  );

  test.each(END_REASONS)('of an end by %s is a heading and a sentence', (reason) => {
    expect(endWords(reason).heading.length).toBeGreaterThan(5);
  });

  test('asks for consent to the price, and says if it changed', () => {
    const offer: PageState = { phase: 'offer', program, changed: false };
    expect(cardOf(offer)).toMatchObject({ heading: 'On air now', action: expect.stringContaining('0.60') });
    expect(cardOf({ ...offer, changed: true })?.heading).toBe('The price has changed');
  });

  test('to one that waits for its turn is how many are before it, and for about how long', () => {
    const card = (ahead: number, expectedMs: number) =>
      cardOf({ phase: 'viewing', program, state: 'waiting-for-turn', waiting: { ahead, expectedMs } });
    expect(card(312, 4_100)).toEqual({
      heading: 'Many want to watch now',
      text: '312 before you, about 5 seconds. It begins by itself. Nothing is charged while you wait.',
      action: undefined,
      receipt: false,
    });
    expect(card(0, 10)?.text).toMatch(/^You are next\. /);
    expect(waitingWords({ ahead: 9_400, expectedMs: 128_000 }, 'de-DE').text).toMatch(/^9\.400 before you, about 2 minutes\. /);
    expect(waitingWords({ ahead: 1, expectedMs: 1 }).text).toMatch(/^1 before you, about 1 second\. /);
    expect(cardOf({ phase: 'viewing', program, state: 'watching' })).toBeUndefined();
  });

  test('of a refusal for now is why, and until when', () => {
    const message = 'very many want to watch at once, and every place to wait is taken; try again in 3 s';
    expect(problemWords({ code: 'try-later', message })).toEqual({
      heading: 'Not right now',
      text: 'Very many want to watch at once, and every place to wait is taken; try again in 3 s.',
    });
  });

  test('offers to try again only where that may help', () => {
    const error = new TollcastError('token-expired', '');
    expect(cardOf({ phase: 'problem', error, retry: false })).toMatchObject({
      heading: 'This link has expired',
      action: undefined,
    });
    expect(cardOf({ phase: 'problem', error, retry: true })?.action).toBe('Try again');
  });
});

test('a cost that is not final yet is said to be so', () => {
  const end = { by: 'server', reason: 'revoked', usage: usage(1_000) } as const;
  expect(endingWords({ ...end, final: true }).text).toBe('Ask whoever gave you the link.');
  expect(endingWords({ ...end, final: false }).text).toMatch(/^Ask whoever gave you the link. The cost is provisional: /);
});

describe('a viewing that was lost', () => {
  const lost: ViewingEnd = { by: 'error', error: new TollcastError('resume-invalid', ''), usage: usage(1_000) };
  const stopped: ViewingEnd = { by: 'server', reason: 'stopped', usage: usage(1_000), final: true };

  test('is followed by another, a few times in a row', () => {
    const rewatch = new Rewatch();
    expect([1, 2, 3, 4].map(() => rewatch.allows(lost))).toEqual([true, true, true, false]);
    expect(rewatch.allows({ ...lost, usage: usage(20_000) })).toBe(true);
  });

  test('is not one that was stopped, ended or revoked', () => {
    const rewatch = new Rewatch();
    expect(rewatch.allows(stopped)).toBe(false);
    expect(rewatch.allows({ ...stopped, reason: 'revoked' })).toBe(false);
    expect(rewatch.allows({ ...stopped, reason: 'interrupted' })).toBe(true);
  });
});

describe('the playing position', () => {
  const ranges = [
    { startSeconds: 0, endSeconds: 3 },
    { startSeconds: 4, endSeconds: 6 },
  ];

  test('stays where there is something to play', () => {
    expect(betterPosition(ranges, 2.5)).toBeUndefined();
    expect(betterPosition([], 0)).toBeUndefined();
    expect(betterPosition(ranges, 5.95)).toBeUndefined();
  });

  test('goes over a gap that it would wait at for ever', () => {
    expect(betterPosition(ranges, 2.95)).toBe(4);
    expect(betterPosition(ranges, 3.5)).toBe(4);
  });

  test('goes to the live end when it is far behind', () => {
    expect(betterPosition(ranges, 1)).toBeCloseTo(5.4);
  });
});
