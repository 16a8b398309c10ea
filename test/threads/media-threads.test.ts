import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { localBus } from '../../src/bus/local-bus.ts';
import { http, viewersServed } from '../../src/config/sections.ts';
import { processClock } from '../../src/process-clock.ts';
import { MediaThreads } from '../../src/threads/media-threads.ts';
import type { ThreadSettings } from '../../src/threads/messages.ts';
import { ThreadedEdge } from '../../src/threads/threaded-edge.ts';
import { until } from '../e2e/relay-process.ts';
import { FakeTime } from '../media/fake-time.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly thread?: number;
  readonly err?: { readonly message: string };
}

let time: FakeTime;
let settings: Omit<ThreadSettings, 'certificate'>;
let lines: Line[];
let edge: ThreadedEdge;
let threads: MediaThreads;

beforeEach(async () => {
  time = new FakeTime();
  lines = [];
  edge = new ThreadedEdge({ edge: 'e1', clock: time, timers: time, bus: localBus(), ticketWaitMs: 0 });
  const { mediaThreads: _, mediaPort, mediaUrl, pingMs, ...delivery } = viewersServed.parse({});
  settings = {
    anchor: processClock().anchor,
    host: '127.0.0.1',
    http: { ...http.parse({}), port: 0 },
    delivery,
    pingMs,
    logLevel: 'info',
  };
  threads = await MediaThreads.start({
    threads: 2,
    settings,
    tls: undefined,
    edge,
    clock: time,
    timers: time,
    log: pino({}, { write: (line: string) => lines.push(JSON.parse(line) as Line) }),
  });
});

afterEach(async () => {
  const left = threads.leave();
  const closed = threads.close();
  await Promise.all([left, closed]);
});

test('a thread that hangs is ended, said, and started again on the same port', async () => {
  const { url } = threads;
  await until(() => threads.figures.connections === 0, 'figures');
  expect(threads.notReady()).toBeUndefined();
  // Time passes for the main thread alone: it hears of none of the others that they live.
  time.advance(11_000);
  await until(() => lines.length === 2, 'both are said to be dead');
  expect(lines.map(({ level, thread, err }) => [level, thread, err?.message]).sort()).toEqual([
    [50, 1, 'it gave no sign of life for 10000 ms'],
    [50, 2, 'it gave no sign of life for 10000 ms'],
  ]);
  expect(threads.notReady()).toBe('media thread 1 of 2 is not there');
  expect(await fetch(`${url}/healthz`).catch(() => 'nobody is there')).toBe('nobody is there');
  time.advance(200);
  await until(() => threads.notReady() === undefined, 'both are there again');
  expect(threads.url).toBe(url);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  // Of the process they say nothing.
  expect((await fetch(`${url}/metrics`)).status).toBe(404);
  expect(lines).toHaveLength(2);
});

test('a thread that cannot listen when it is started again is said, and tried again until it can', async () => {
  await until(() => threads.figures.connections === 0, 'figures');
  time.advance(11_000);
  await until(() => lines.length === 2, 'both are said to be dead');
  // The port is found free, and the address is gone a moment later.
  let asked = 0;
  Object.defineProperty(settings, 'host', { enumerable: true, get: () => (asked++ === 0 ? '127.0.0.1' : '203.0.113.1') });
  time.advance(200);
  await until(() => lines.length === 4, 'neither can listen');
  expect(
    lines
      .slice(2)
      .map(({ level, thread, msg }) => [level, thread, msg])
      .sort(),
  ).toEqual([
    [50, 1, 'a media thread could not be started again; trying again'],
    [50, 2, 'a media thread could not be started again; trying again'],
  ]);
  expect(lines.at(-1)?.err?.message).toMatch(/^cannot listen for HTTP on 203\.0\.113\.1/);
  Object.defineProperty(settings, 'host', { enumerable: true, value: '127.0.0.1' });
  time.advance(400);
  await until(() => threads.notReady() === undefined, 'both are there again');
});

test('a thread that died is not started again once they leave', async () => {
  await until(() => threads.figures.connections === 0, 'figures');
  time.advance(11_000);
  await until(() => lines.length === 2, 'both are said to be dead');
  const { url } = threads;
  await threads.leave();
  expect(time.waiting).toBe(0);
  time.advance(60_000);
  await threads.close();
  expect(await fetch(`${url}/healthz`).catch(() => 'nobody is there')).toBe('nobody is there');
  expect(threads.notReady()).toBe('media thread 1 of 2 is not there');
});
