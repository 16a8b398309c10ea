import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { describeInChromium, launchChromium } from './chromium.ts';
import { builtConsole, FakeRelay, program, TOKEN, viewing } from './fake-relay.ts';

const news = program('news', 'EUR', { title: 'The evening news' });
const derby = program('derby', 'JPY', { tariff: { pricePerMinute: '30', currency: 'JPY', incrementSeconds: 60 } });
const talk = program('talk', 'EUR', { live: false });

/** A token that expired in 2001; the relay would say no more than 401. */
const EXPIRED = `x.${Buffer.from(JSON.stringify({ exp: 1_000_000_000 })).toString('base64url')}.x`;

describeInChromium('the console, in Chromium', () => {
  let browser: Browser;
  let files: Awaited<ReturnType<typeof builtConsole>>;
  let relay: FakeRelay;
  let context: BrowserContext;
  let page: Page;
  let faults: string[];

  const open = (token: string = TOKEN) => page.goto(`${relay.base}/console#token=${token}`);
  /** Waits until the page is in a state. */
  const reaches = (state: string) => page.waitForSelector(`#console[data-state="${state}"]`);
  /** Waits until an element reads like this. */
  const reads = (selector: string, text: string) =>
    page.waitForFunction(([where, what]) => document.querySelector(where ?? '')?.textContent === what, [selector, text], {
      polling: 50,
    });
  const viewers = () => page.locator('#viewings th').allTextContents();
  const rowOf = (viewer: string) => page.getByRole('row', { name: viewer });

  beforeAll(async () => {
    [browser, files] = await Promise.all([launchChromium(), builtConsole()]);
  });

  afterAll(() => browser.close());

  beforeEach(async () => {
    relay = await FakeRelay.start(files);
    relay.programs = [news, derby, talk];
    relay.viewings = [viewing(news, 'ben', 60_000), viewing(news, 'ana', 90_500), viewing(derby, 'Chiara', 61_000)];
    context = await browser.newContext({ locale: 'en-IE', viewport: { width: 1280, height: 900 } });
    page = await context.newPage();
    faults = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      // What the relay answers with, or that it does not, is logged by the browser itself.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(message.text());
    });
  });

  afterEach(async () => {
    await context.close();
    await relay.close();
    expect(faults).toEqual([]);
  });

  test('shows programs, viewings and what they come to in each currency', async () => {
    await open();
    await reaches('live');
    expect(await page.textContent('#health-text')).toBe('Relay ready');
    expect(await page.textContent('#total-viewings')).toBe('3');
    expect(await page.textContent('#total-charged')).toBe('€1.51 · JP¥60');
    expect(await page.locator('#programs tr').allInnerTexts()).toEqual([
      'The evening news\nnews\nOn air\n€0.60 per minute, billed by the second\n2\n€1.51',
      'derby\nOn air\nJP¥30 per minute, billed by the minute\n1\nJP¥60',
      'talk\nOff air\n€0.60 per minute, billed by the second\n0\n–',
    ]);
    expect(await page.locator('#viewings tr').allInnerTexts()).toEqual([
      'ana\nnews\nConnected\n7\n1:31\n€0.91\nRevoke',
      'ben\nnews\nConnected\n7\n1:00\n€0.60\nRevoke',
      'Chiara\nderby\nConnected\n7\n1:01\nJP¥60\nRevoke',
    ]);
  });

  test('sends the token to nobody but in the header that is for it', async () => {
    await open();
    await reaches('live');
    expect(new Set(relay.asked)).toEqual(
      new Set([...files.keys(), '/readyz', '/v1/programs', '/v1/viewings'].map((address) => `GET ${address}`)),
    );
  });

  test('follows time, cost, connection and key, in the rows that are there', async () => {
    await open();
    await reaches('live');
    const row = await rowOf('ben').elementHandle();
    relay.viewings = [viewing(news, 'ben', 120_000, { connected: false, confirmedEpoch: 9 }), ...relay.viewings.slice(1)];
    await reads('#total-charged', '€2.11 · JP¥60');
    expect(await row?.innerText()).toBe('ben\nnews\nReconnecting\n9\n2:00\n€1.20\nRevoke');
    expect(await page.textContent('#total-reconnecting')).toBe('1 reconnecting');
  });

  test('says of a viewing without a key that nothing is charged yet', async () => {
    relay.viewings = [viewing(news, 'ana', 0, { phase: 'offered', confirmedEpoch: null })];
    await open();
    await reaches('live');
    expect(await rowOf('ana').innerText()).toBe('ana\nnews\nGetting its key\n–\n0:00\n€0.00\nRevoke');
  });

  test('touches one row of a thousand if one has changed', async () => {
    const others = Array.from({ length: 999 }, (_, index) => viewing(news, `viewer ${index}`, 1_000));
    relay.viewings = [viewing(news, 'ana', 1_000), ...others];
    await open();
    await reaches('live');
    await page.evaluate(() => {
      const touched = new Set<string>();
      const noteRow = ({ target }: MutationRecord) => {
        const row = (target instanceof Element ? target : target.parentElement)?.closest('tr');
        touched.add(row?.querySelector('th')?.textContent ?? 'the table itself');
        document.body.dataset.touched = [...touched].join();
      };
      new MutationObserver((records) => records.forEach(noteRow)).observe(document.getElementById('viewings') ?? document.body, {
        subtree: true,
        childList: true,
        characterData: true,
        attributes: true,
      });
    });
    relay.viewings = [viewing(news, 'ana', 2_000), ...others];
    await reads('[data-viewing="ana of news"] [data-cell="cost"]', '€0.02');
    expect(await page.getAttribute('body', 'data-touched')).toBe('ana');
  });

  test('finds viewers, adds up what it found, and sorts', async () => {
    await open();
    await reaches('live');
    await page.fill('#viewer', ' AN');
    expect(await viewers()).toEqual(['ana']);
    expect(await page.textContent('#summary')).toBe('1 of 3 viewings · €0.91');
    await page.fill('#viewer', 'nobody');
    expect(await page.textContent('#no-viewings')).toBe('No viewer matches “nobody”.');
    await page.fill('#viewer', '');
    await page.selectOption('#order', 'longest');
    expect(await viewers()).toEqual(['ana', 'Chiara', 'ben']);
  });

  test('revokes a viewing once, after it was asked to and has asked back', async () => {
    await open();
    await reaches('live');
    await page.getByRole('button', { name: 'Revoke ana’s viewing of news' }).click();
    const question = page.getByRole('dialog', { name: 'Revoke ana’s viewing of news?' });
    expect(await question.innerText()).toContain('1:31 and €0.91');
    await question.getByRole('button', { name: 'Revoke' }).evaluate((button: HTMLButtonElement) => {
      button.click();
      button.click();
    });
    await reads('#outcome', 'ana’s viewing of news was revoked.');
    expect(relay.revoked).toEqual(['ana of news']);
    expect(await rowOf('ana').getByRole('button').innerText()).toBe('Ending');
    // Pressing what says "Ending" asks nothing.
    await rowOf('ana').getByRole('button').click({ force: true });
    expect(await question.isVisible()).toBe(false);
    relay.viewings = relay.viewings.filter(({ viewer }) => viewer !== 'ana');
    await reads('#total-viewings', '2');
    expect(await viewers()).toEqual(['ben', 'Chiara']);
    expect(relay.revoked).toHaveLength(1);
  });

  test('revokes nothing if the answer is no, and gives the focus back', async () => {
    await open();
    await reaches('live');
    await rowOf('ben').getByRole('button').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await rowOf('ben').getByRole('button').press('Enter');
    await page.getByRole('button', { name: 'Keep' }).click();
    expect(
      await rowOf('ben')
        .getByRole('button')
        .evaluate((button) => button === document.activeElement),
    ).toBe(true);
    expect(relay.revoked).toEqual([]);
  });

  test('keeps the focus in the table when its row goes', async () => {
    await open();
    await reaches('live');
    await rowOf('ben').getByRole('button').focus();
    relay.viewings = relay.viewings.slice(1);
    await reads('#total-viewings', '2');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('viewings-heading');
  });

  test('keeps the last figures while the relay is unreachable, says since when, and goes on', async () => {
    await open();
    await reaches('live');
    relay.down = true;
    await reaches('unreachable');
    expect(await page.textContent('#notice-heading')).toMatch(/^The relay has been unreachable since \d\d:\d\d:\d\d$/);
    expect(await page.textContent('#notice-text')).toMatch(/^The figures below are from \d\d:\d\d:\d\d\./);
    expect(await viewers()).toEqual(['ana', 'ben', 'Chiara']);
    expect(await rowOf('ana').getByRole('button').getAttribute('aria-disabled')).toBe('true');
    relay.down = false;
    await reaches('live');
    expect(await page.isHidden('#notice')).toBe(true);
  });

  test('says that a revocation was not confirmed', async () => {
    await open();
    await reaches('live');
    await rowOf('ana').getByRole('button').click();
    relay.down = true;
    await page.click('#confirm-yes');
    await reads('#outcome', 'The relay did not confirm that ana’s viewing of news was revoked.');
    relay.down = false;
    await reaches('live');
    expect(await rowOf('ana').getByRole('button').getAttribute('aria-disabled')).toBe('false');
  });

  test('says that it does not understand what answers', async () => {
    relay.garbled = true;
    await open();
    await reaches('unreachable');
    expect(await page.textContent('#health-text')).toBe('Not understood');
    expect(await page.isHidden('#board')).toBe(true);
  });

  test('says why the relay is not ready, and shows its figures', async () => {
    relay.notReady = 'no space left on the disk';
    await open();
    await reaches('live');
    expect(await page.textContent('#health-text')).toBe('Relay not ready');
    expect(await page.textContent('#notice-text')).toBe('no space left on the disk');
    expect(await viewers()).toHaveLength(3);
  });

  test.each([
    ['is not accepted', 'forged', 'The operator token was not accepted'],
    ['has expired', EXPIRED, 'The operator token has expired'],
  ])('says that a token %s', async (_what, token, heading) => {
    await open(token);
    await reaches('refused');
    expect(await page.textContent('#notice-heading')).toBe(heading);
    expect(await page.textContent('#notice-text')).toContain('tollcast token operator');
    expect(await page.isHidden('#board')).toBe(true);
  });

  test('keeps the figures of a token that expires under way', async () => {
    await open();
    await reaches('live');
    relay.token = 'another';
    await reaches('refused');
    expect(await page.textContent('#notice-text')).toContain('The figures below are from');
    expect(await viewers()).toHaveLength(3);
  });

  test('asks nothing of the relay without a token', async () => {
    await page.goto(`${relay.base}/console`);
    await reaches('no-token');
    expect(await page.textContent('#notice-heading')).toBe('This link has no operator token');
    expect(relay.asked).not.toContain('GET /v1/programs');
  });

  test('tells an empty relay from one where nothing is on air and one where nobody watches', async () => {
    relay.viewings = [];
    relay.programs = [];
    await open();
    await page.waitForSelector('#no-programs:not([hidden])');
    relay.programs = [talk];
    await reads('#no-viewings', 'Nothing is on air. Viewings appear here once a broadcast has begun and somebody watches it.');
    relay.programs = [news];
    await reads('#no-viewings', 'On air, and nobody is watching yet.');
  });

  test.each([390, 1280])('keeps its tables tables, and within a width of %i', async (width) => {
    await page.setViewportSize({ width, height: 844 });
    relay.viewings = [viewing(news, 'somebody-with-a-very-long-name@customers.of.somebody-else.example', 3_600_000)];
    await open();
    await reaches('live');
    expect(await page.getByRole('table', { name: 'Viewings' }).getByRole('columnheader').count()).toBe(7);
    expect(await page.getByRole('table', { name: 'Viewings' }).getByRole('rowheader').count()).toBe(1);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  });
});
