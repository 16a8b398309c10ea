import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Flag } from '../../src/media/chunk.ts';
import { FakeTime } from '../media/fake-time.ts';
import { FakeServer, usage } from './fake-server.ts';
import { flvTag, PREAMBLE, Watcher } from './viewer-harness.ts';

let time: FakeTime;
let server: FakeServer;
let watcher: Watcher;

/** Lets what sockets have brought be acted on, time standing still. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Lets time pass in steps until the viewing has ended, and tells how much did. */
async function passUntilEnded(): Promise<number> {
  const fromMs = time.nowMs();
  let ended = false;
  void watcher.client.ended.then(() => {
    ended = true;
  });
  for (let step = 0; step < 100_000 && !ended; step++) {
    // Sockets answer in their own time: a step is taken only when a few rounds have brought nothing.
    for (let round = 0; round < 20 && !ended; round++) await settle();
    if (!ended) time.advance(500);
  }
  return time.nowMs() - fromMs;
}

beforeEach(async () => {
  time = new FakeTime();
  server = await FakeServer.start();
  watcher = new Watcher(server, { timers: time, clock: time });
  await server.activity.until(() => server.mediaConnections === 1);
  server.sendChunks(server.seal(Flag.preamble, PREAMBLE), server.seal(Flag.keyframe, flvTag(9, 0, 'keyframe')));
  await watcher.stateReached('watching');
});

afterEach(async () => {
  await server.close();
  void watcher.client.stop();
  await passUntilEnded();
  expect(time.waiting).toBe(0);
});

describe('a server that falls silent', () => {
  test('on the control socket is connected to anew', async () => {
    server.say({ type: 'media', state: 'away' });
    await watcher.stateReached('away');
    await settle();
    time.advance(60_000);
    await watcher.stateReached('reconnecting');
    time.advance(1_000);
    await server.activity.until(() => server.viewing.resumes === 1);
    await watcher.stateReached('away');
  });

  test('on the media socket is asked for another ticket', async () => {
    time.advance(10_000);
    await watcher.stateReached('reconnecting');
    time.advance(1_000);
    await server.activity.until(() => server.mediaConnections === 2);
  });

  test('because the broadcaster is away is left in peace', async () => {
    server.say({ type: 'media', state: 'away' });
    await watcher.stateReached('away');
    await settle();
    time.advance(50_000);
    await settle();
    expect(watcher.client.state).toBe('away');
    expect(server.viewing.tickets).toBe(1);
  });

  test('after a stop is waited for five seconds', async () => {
    server.ignore.add('stop');
    const end = watcher.client.stop();
    await server.activity.until(() => server.messages.at(-1)?.type === 'stop');
    time.advance(4_999);
    await settle();
    expect(watcher.client.state).toBe('stopping');
    time.advance(1);
    expect(await end).toMatchObject({ by: 'error', error: { code: 'unreachable' }, usage: { billableMs: 0 } });
  });
});

describe('a server that many want to watch at once', () => {
  test('is waited for as long as it says so, however rarely; then as for any answer', async () => {
    await watcher.client.stop();
    server.ignore.add('watch');
    const crowd = new Watcher(server, { timers: time, clock: time });
    await server.activity.until(() => server.messages.filter(({ type }) => type === 'watch').length === 2);
    for (let told = 1; told <= 20; told++) {
      server.say({ type: 'waiting', ahead: 20 - told, expectedMs: 1_000 });
      await crowd.activity.until(() => crowd.waiting.length === told);
      time.advance(6_000);
    }
    expect(crowd.client.state).toBe('waiting-for-turn');
    time.advance(10_000);
    expect(await crowd.client.ended).toMatchObject({ by: 'error', error: { code: 'unreachable' } });
  });
});

describe('a server that opens no gate, as with a full disk,', () => {
  test('is waited for as long as it takes, although it has nothing to send', async () => {
    for (let step = 0; step < 600; step++) {
      for (let round = 0; round < 20; round++) await settle();
      time.advance(500);
      if (step === 300) server.say({ type: 'confirmed', epoch: server.epoch, started: false, usage: usage(0) });
    }
    expect(watcher.client.state).toBe('reconnecting');
    expect(server.viewing.tickets).toBeGreaterThan(10);
    const connections = server.mediaConnections;
    while (server.mediaConnections === connections) {
      time.advance(500);
      for (let round = 0; round < 20; round++) await settle();
    }
    server.chunk(Flag.keyframe, flvTag(9, 0, 'after it'));
    await watcher.stateReached('watching');
    expect(server.viewings).toHaveLength(1);
  });
});

describe('a server that does not come back', () => {
  test('is tried again for two minutes', async () => {
    await server.close();
    const waitedMs = await passUntilEnded();
    expect(await watcher.client.ended).toMatchObject({ by: 'error', error: { code: 'unreachable' } });
    expect(waitedMs).toBeGreaterThan(120_000);
    expect(waitedMs).toBeLessThan(150_000);
  });

  test('with the picture is given up likewise, and the viewing stopped', async () => {
    server.refuseMedia = true;
    server.media?.terminate();
    const waitedMs = await passUntilEnded();
    expect(await watcher.client.ended).toMatchObject({ by: 'error', error: { code: 'media-unreachable' } });
    expect(waitedMs).toBeGreaterThan(120_000);
    expect(waitedMs).toBeLessThan(150_000);
    await server.activity.until(() => server.viewing.ended);
  });

  test('is tried at once when the network is known to be back', async () => {
    server.control?.terminate();
    await watcher.stateReached('reconnecting');
    watcher.client.retryNow();
    await server.activity.until(() => server.viewing.resumes === 1);
    expect(time.nowMs()).toBe(0);
  });
});
