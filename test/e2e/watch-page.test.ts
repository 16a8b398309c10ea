import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { describeInChromium, launchChromium, testInChromium } from '../web/chromium.ts';
import { clip, publish } from './clip.ts';
import { ffmpeg } from './programs.ts';
import { RelayProcess, Scratch, until } from './relay-process.ts';

const described = ffmpeg === undefined ? describe.skip : describeInChromium;

described.each([0, 2])('the watch page of a running relay with %i media threads, in Chromium', (mediaThreads) => {
  const scratch = new Scratch();
  let relay: RelayProcess;
  let broadcaster: ChildProcess;
  let browser: Browser;

  beforeAll(async () => {
    relay = await RelayProcess.start(scratch, { keys: { periodMs: 3_000 }, viewers: { mediaThreads, mediaPort: 0 } });
    const { publishUrl } = await relay.addProgram('news');
    broadcaster = publish(clip(), publishUrl);
    browser = await launchChromium();
  }, 60_000);

  afterAll(async () => {
    await browser.close();
    broadcaster.kill('SIGKILL');
    await relay.stop();
    scratch[Symbol.dispose]();
  });

  test('plays picture and sound across changes of key, and its stop button ends the viewing', async () => {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(`${relay.httpUrl}/watch/news#token=${await relay.viewerToken('news', 'alice')}`);
    await page.click('#card-action', { timeout: 20_000 });
    await page.waitForSelector('#watch[data-state="watching"]');
    const position = () => page.$eval('video', (video) => video.currentTime);
    const from = await until(async () => (await position()) || undefined, 'playing');
    await until(async () => (await position()) >= from + 5, 'five seconds were played');
    const heard = await page.$eval('video', (video) => ({
      decodedAudioBytes: 'webkitAudioDecodedByteCount' in video ? Number(video.webkitAudioDecodedByteCount) : 0,
      width: video.videoWidth,
      droppedFrames: video.getVideoPlaybackQuality().droppedVideoFrames,
    }));
    expect(heard).toMatchObject({ width: 1280 });
    expect(heard.decodedAudioBytes).toBeGreaterThan(10_000);
    const datum = (name: string) => page.getAttribute('#watch', `data-${name}`);
    expect(Number(await datum('epoch'))).toBeGreaterThan(1);
    await page.click('#stop');
    await page.waitForSelector('#watch[data-state="ended"]');
    const shown = Number(await datum('billable-seconds'));
    const [charge] = await relay.charges();
    expect(charge).toMatchObject({ viewer: 'alice', endedBy: 'stopped', billableSeconds: shown });
    expect(shown).toBeGreaterThanOrEqual(5);
    expect(complaints).toEqual([]);
    await page.close();
  }, 60_000);

  test('says so when the token is for nothing here', async () => {
    const page = await browser.newPage();
    await page.goto(`${relay.httpUrl}/watch/news#token=nonsense&autoplay=1`);
    await page.waitForSelector('#watch[data-state="problem"], #watch[data-state="ended"]');
    expect(await page.textContent('#card')).toMatch(/link|token|ticket/i);
    await page.close();
  }, 30_000);
});

testInChromium(
  'a server’s bare address leads to the console, and paths that are unknown lead nowhere',
  async () => {
    using scratch = new Scratch();
    const relay = await RelayProcess.start(scratch);
    const browser = await launchChromium();
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    await page.goto(relay.httpUrl);
    expect(await page.textContent('main')).toMatch('a link that was made for you, with a token');
    await page.click('text=/console');
    await page.waitForSelector('#console[data-state="no-token"]');
    expect(complaints).toEqual([]);
    await browser.close();
    const unknown = await fetch(new URL('/nothing', relay.httpUrl));
    expect([unknown.status, await unknown.json()]).toEqual([404, expect.objectContaining({ code: 'not-found' })]);
    await relay.stop();
  },
  30_000,
);

testInChromium(
  'opened over plain HTTP from another host, the page says why it cannot play',
  async () => {
    using scratch = new Scratch();
    const relay = await RelayProcess.start(scratch);
    await relay.addProgram('news');
    const { port } = new URL(relay.httpUrl);
    // Any name but localhost is an insecure context; this one is resolved to the loopback interface by the browser itself.
    const browser = await launchChromium('--host-resolver-rules=MAP video.example 127.0.0.1');
    const page = await browser.newPage();
    await page.goto(`http://video.example:${port}/watch/news#token=${await relay.viewerToken('news', 'alice')}`);
    await page.waitForSelector('#watch[data-state="problem"]');
    expect(await page.textContent('#card')).toMatch('HTTPS');
    await browser.close();
    await relay.stop();
  },
  60_000,
);
