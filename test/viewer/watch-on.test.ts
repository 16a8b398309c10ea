import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fetchProgram } from '../../src/viewer/programs.ts';
import { ViewerClient } from '../../src/viewer/viewer-client.ts';
import { watchOn } from '../../src/viewer/watch-on.ts';
import { FakeServer, TARIFF } from './fake-server.ts';

let server: FakeServer;
let stop: AbortController;

beforeEach(async () => {
  server = await FakeServer.start();
  stop = new AbortController();
});

afterEach(() => server.close());

const start = () => {
  const client = ViewerClient.start({ base: server.base, program: 'news', token: 'a token', tariff: TARIFF, random: () => 0 });
  stop.signal.addEventListener('abort', () => void client.stop());
  return client;
};

/** Watches until that is over. @returns how each viewing ended */
async function watchAll(lost: () => void = () => undefined): Promise<string[]> {
  const ends: string[] = [];
  const program = await fetchProgram(server.base, 'news');
  for await (const client of watchOn({ base: server.base, program, start, lost, stop: stop.signal, random: () => 0 })) {
    const end = await client.ended;
    ends.push(end.by === 'server' ? end.reason : end.error.code);
  }
  return ends;
}

/** Resolves once so many viewings were begun, and the last of them has confirmed its first key. */
const begun = (viewings: number) =>
  server.activity.until(() => server.viewings.length === viewings && server.viewing.receipts.length > 0);

/** The server forgets its viewing, as one does that was killed. */
function forget(): void {
  server.refuse.set('resume', 'resume-invalid');
  server.control?.terminate();
}

/** A viewing was lost, and its program is not live. @returns how each viewing ends, as `watchAll` does, once it is over */
async function lostWhileOffAir(): Promise<{ readonly ends: Promise<string[]> }> {
  const lost = Promise.withResolvers<void>();
  const ends = watchAll(lost.resolve);
  await begun(1);
  server.live = false;
  forget();
  await lost.promise;
  return { ends };
}

test('a viewing that was stopped is not followed by another', async () => {
  const watched = watchAll();
  await begun(1);
  stop.abort();
  expect(await watched).toEqual(['stopped']);
});

test('one that the operator ended is not followed by another', async () => {
  const watched = watchAll();
  await begun(1);
  server.end('revoked');
  expect(await watched).toEqual(['revoked']);
  expect(server.viewings).toHaveLength(1);
});

test('one that was lost is followed by another, once the program is live again', async () => {
  const { ends: watched } = await lostWhileOffAir();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(server.viewings).toHaveLength(1);
  server.live = true;
  await begun(2);
  stop.abort();
  expect(await watched).toEqual(['resume-invalid', 'stopped']);
});

test('a server that says it is not live although it just was is asked again', async () => {
  const watched = watchAll();
  await begun(1);
  server.refuse.set('watch', 'not-live');
  forget();
  await server.activity.until(() => server.messages.filter(({ type }) => type === 'watch').length === 2);
  server.refuse.delete('watch');
  await begun(2);
  stop.abort();
  expect(await watched).toEqual(['resume-invalid', 'not-live', 'stopped']);
});

test('a price that has changed meanwhile was not consented to', async () => {
  const watched = watchAll();
  await begun(1);
  server.tariff = { ...TARIFF, pricePerMinute: '0.90' };
  forget();
  await expect(watched).rejects.toMatchObject({ code: 'tariff-changed' });
  expect(server.viewings).toHaveLength(1);
});

test('whoever stops while a program is waited for gets no other viewing', async () => {
  const { ends: watched } = await lostWhileOffAir();
  stop.abort();
  expect(await watched).toEqual(['resume-invalid']);
  server.live = true;
  expect(server.viewings).toHaveLength(1);
});

test('a server that says when to come again is not asked sooner', async () => {
  const watched = watchAll();
  await begun(1);
  server.retryInMs = 700;
  server.refuse.set('watch', 'try-later');
  forget();
  await server.activity.until(() => server.messages.filter(({ type }) => type === 'watch').length === 2);
  const refusedMs = performance.now();
  server.refuse.delete('watch');
  await begun(2);
  expect(performance.now() - refusedMs).toBeGreaterThan(650);
  stop.abort();
  expect(await watched).toEqual(['resume-invalid', 'try-later', 'stopped']);
});
