import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { Flag } from '../../src/media/chunk.ts';
import { ffmpeg } from '../e2e/programs.ts';
import { describeInChromium, launchChromium } from '../web/chromium.ts';
import { servedPage } from './built-page.ts';
import { FakeBroadcast } from './fake-broadcast.ts';
import { FakeServer } from './fake-server.ts';
import { type Clip, makeClip } from './test-clip.ts';
import { flvTag, HEADER } from './viewer-harness.ts';

(ffmpeg === undefined ? describe.skip : describeInChromium)('the watch page, in Chromium', () => {
  let browser: Browser;
  let clip: Clip;
  let serving: Awaited<ReturnType<typeof servedPage>>;
  let server: FakeServer;
  let broadcast: FakeBroadcast;
  let page: Page;
  let complaints: string[];

  /** Waits for the page to be in a state. */
  const reaches = (state: string) => page.waitForSelector(`#watch[data-state="${state}"]`);
  const plays = (seconds: number) =>
    page.waitForFunction((at) => (document.querySelector('video')?.currentTime ?? 0) >= at, seconds, { polling: 100 });
  const text = (selector: string) => page.textContent(selector);
  const datum = (name: string) => page.getAttribute('#watch', `data-${name}`);

  beforeAll(async () => {
    [browser, serving] = await Promise.all([launchChromium(), servedPage()]);
    clip = makeClip(12);
  });

  afterAll(() => browser.close());

  beforeEach(async () => {
    server = await FakeServer.start(serving.serve);
    broadcast = new FakeBroadcast(server, clip);
    complaints = [];
    page = await (await browser.newContext({ locale: 'en-IE' })).newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
  });

  afterEach(async () => {
    broadcast.stop();
    await page.context().close();
    await server.close();
  });

  test('asks for consent, plays over a change of key, counts, and tells at the end what it cost', async () => {
    await page.goto(`${server.base}/watch/news#token=abc`);
    await reaches('offer');
    expect(await text('#card-action')).toBe('Watch for €0.60 / min');
    expect(server.messages).toEqual([]);

    await page.click('#card-action');
    await server.activity.until(() => server.mediaConnections === 1);
    broadcast.start({ newEpochAtMs: 2_000 });
    await reaches('watching');
    await plays(4);
    expect(await datum('epoch')).toBe('2');
    expect(Number(await datum('billable-seconds'))).toBeGreaterThanOrEqual(4);
    expect(await datum('viewing')).toBe(server.viewing.viewing);
    const { muted, tracks } = await page.$eval('video', (video) => ({ muted: video.muted, tracks: video.videoWidth }));
    expect({ muted, tracks }).toEqual({ muted: false, tracks: 640 });

    server.billedMs = 4_200;
    await page.click('#stop');
    await reaches('ended');
    expect(await datum('end-reason')).toBe('stopped');
    expect(await text('#card-heading')).toBe('You stopped watching');
    expect(await text('#card-amount')).toBe('€0.05');
    expect(await datum('billable-seconds')).toBe('5');
    await page.click('#card-action');
    await reaches('offer');
    expect(complaints).toEqual([]);
  });

  test('begins at once and without sound if the link says so', async () => {
    await page.goto(`${server.base}/watch/news#token=abc&autoplay=1`);
    await server.activity.until(() => server.mediaConnections === 1);
    broadcast.start();
    await plays(1);
    await page.click('#unmute');
    expect(await page.$eval('video', (video) => video.muted)).toBe(false);
    expect(complaints).toEqual([]);
  });

  test('plays on after both sockets were lost', async () => {
    await page.goto(`${server.base}/watch/news#token=abc&autoplay=1`);
    await server.activity.until(() => server.mediaConnections === 1);
    broadcast.start();
    await plays(1);
    server.control?.terminate();
    server.media?.terminate();
    await server.activity.until(() => server.mediaConnections === 2);
    await reaches('watching');
    await plays(6);
    expect(server.viewings).toHaveLength(1);
  });

  test('opens another viewing, once the program is live again, if its own was not to be resumed', async () => {
    await page.goto(`${server.base}/watch/news#token=abc&autoplay=1`);
    await server.activity.until(() => server.mediaConnections === 1);
    server.refuse.set('resume', 'resume-invalid');
    server.live = false;
    server.control?.terminate();
    await page.waitForResponse(/programs$/);
    await reaches('reconnecting');
    expect(server.viewings).toHaveLength(1);
    server.live = true;
    await server.activity.until(() => server.viewings.length === 2);
    await reaches('waiting-for-media');
    expect(await datum('viewing')).toBe(server.viewing.viewing);
  });

  test('says where its viewer stands while it waits for its turn, and begins by itself', async () => {
    const turn = Promise.withResolvers<void>();
    server.turn = turn.promise;
    await page.goto(`${server.base}/watch/news#token=abc&autoplay=1`);
    await server.activity.until(() => server.messages.length === 1);
    server.say({ type: 'waiting', ahead: 1_312, expectedMs: 14_100 });
    await reaches('waiting-for-turn');
    expect([await text('#card-heading'), await text('#status-text')]).toEqual([
      'Many want to watch now',
      'Waiting for your turn',
    ]);
    server.say({ type: 'waiting', ahead: 12, expectedMs: 900 });
    await page.waitForFunction(() =>
      document.querySelector('#card-text')?.textContent?.startsWith('12 before you, about 1 second.'),
    );
    const shown = (...ids: string[]) => Promise.all(ids.map((id) => page.isVisible(id)));
    expect(await shown('#card', '#stop', '#wait', '#controls', '#card-action')).toEqual([true, true, false, false, false]);
    turn.resolve();
    await reaches('waiting-for-media');
    expect(await shown('#card', '#stop', '#wait', '#controls')).toEqual([false, true, true, true]);
    expect(complaints).toEqual([]);
  });

  test('leaves its place when its viewer stops waiting', async () => {
    server.ignore.add('watch');
    await page.goto(`${server.base}/watch/news#token=abc&autoplay=1`);
    await server.activity.until(() => server.messages.length === 1);
    server.say({ type: 'waiting', ahead: 1_312, expectedMs: 14_100 });
    await reaches('waiting-for-turn');
    await page.click('#stop');
    await server.activity.until(() => server.control?.readyState === server.control?.CLOSED);
    await reaches('offer');
    expect(server.messages).toHaveLength(1);
    expect(complaints).toEqual([]);
  });

  test('waits for a program that is not on air, and offers it when it is', async () => {
    server.live = false;
    await page.goto(`${server.base}/watch/news#token=abc`);
    await reaches('not-live');
    server.live = true;
    await reaches('offer');
  });

  test('asks again when the price has changed', async () => {
    await page.goto(`${server.base}/watch/news#token=abc`);
    await reaches('offer');
    server.tariff = { ...server.tariff, pricePerMinute: '0.90' };
    await page.click('#card-action');
    await page.waitForFunction(() => document.querySelector('#card-heading')?.textContent === 'The price has changed');
    expect(await text('#card-action')).toBe('Watch for €0.90 / min');
    expect(server.viewings).toEqual([]);
  });

  test.each([
    ['a link without a token', '', undefined, 'no-token', 'This link is incomplete'],
    ['an expired token', '#token=abc&autoplay=1', 'token-expired', 'token-expired', 'This link has expired'],
    [
      'a token of another program',
      '#token=abc&autoplay=1',
      'token-wrong-program',
      'token-wrong-program',
      'This link is for another program',
    ],
  ] as const)('says what is wrong with %s', async (_what, fragment, refused, code, heading) => {
    if (refused !== undefined) server.refuse.set('watch', refused);
    await page.goto(`${server.base}/watch/news${fragment}`);
    await reaches('problem');
    expect(await datum('error-code')).toBe(code);
    expect(await text('#card-heading')).toBe(heading);
    expect(await page.isHidden('#card-action')).toBe(true);
  });

  test('says that a page from another host without HTTPS cannot play', async () => {
    const own = await launchChromium('--host-resolver-rules=MAP * 127.0.0.1');
    try {
      const elsewhere = await own.newPage();
      await elsewhere.goto(`${server.base.replace('127.0.0.1', 'video.example')}/watch/news#token=abc`);
      await elsewhere.waitForSelector('#watch[data-error-code="insecure-context"]');
      expect(await elsewhere.textContent('#card-heading')).toBe('This page needs HTTPS');
    } finally {
      await own.close();
    }
  });

  test('stops the viewing when what arrives cannot be played', async () => {
    await page.goto(`${server.base}/watch/news#token=abc&autoplay=1`);
    await server.activity.until(() => server.mediaConnections === 1);
    server.chunk(Flag.preamble, HEADER);
    const sorensonKeyframe = Buffer.concat([Buffer.of(0x12), Buffer.alloc(600)]);
    server.chunk(Flag.keyframe, flvTag(9, 0, sorensonKeyframe));
    await reaches('ended');
    expect(await datum('error-code')).toBe('cannot-decode');
    expect(server.viewing.ended).toBe(true);
  });

  test('is small enough to load quickly', () => {
    expect(serving.bundleBytes).toBeLessThan(470_000);
  });
});
