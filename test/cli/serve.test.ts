import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from '@jest/globals';
import { fetchProgram } from '../../src/viewer/programs.ts';
import { finished, output, scratchFolder, start, tollcast } from './command.ts';

const { folder, remove } = scratchFolder();
const relays: ChildProcess[] = [];
afterAll(() => {
  // Whatever failed: a child that lives on would keep the test runner alive.
  for (const relay of relays) relay.kill('SIGKILL');
  remove();
});

const ports = ['--http-port', '0', '--rtmp-port', '0'];

/** Starts a relay, and gives what it printed up to a line. */
async function serving(lastLine: RegExp, ...args: string[]) {
  const child = start(['serve', ...ports, ...args]);
  relays.push(child);
  const exited = finished(child);
  let printed = '';
  if (child.stdout === null) throw new Error('no standard output');
  for await (const line of createInterface({ input: child.stdout })) {
    printed += `${line}\n`;
    if (lastLine.test(line)) return { child, exited, printed };
  }
  throw new Error(`the relay did not start: ${(await exited).stderr}`);
}

test('a relay says where it listens, has its data folder to itself, and ends with exit code 0', async () => {
  const data = join(folder, 'relay');
  const { child, exited, printed } = await serving(/for broadcasters/, '--data', data, '--log-level', 'silent');
  const httpUrl = /for viewers +(http:\/\/127\.0\.0\.1:\d+)\n/.exec(printed)?.[1] ?? '';
  expect(printed).toMatch(/for broadcasters +rtmp:\/\/127\.0\.0\.1:\d+\/live\n/);

  const [, second] = await Promise.all([
    output('program', 'add', 'news', '--title', 'News', '--price', '0.60', '--currency', 'EUR', '--data', data),
    tollcast('serve', ...ports, '--data', data),
  ]);
  expect(second).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^tollcast: another server is using .*--data\n$/),
  });

  const token = (await output('token', 'viewer', '--program', 'news', '--viewer', 'ada', '--data', data)).trim();
  const refused = await Promise.all([
    tollcast('view', httpUrl, '--program', 'news', '--token', token),
    tollcast('view', httpUrl, '--program', 'news', '--token', 'forged'),
    tollcast('view', httpUrl, '--program', 'opera', '--token', token),
  ]);
  for (const result of refused) {
    expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^tollcast: [^\n]+\n$/) });
  }
  child.kill('SIGTERM');
  expect(await exited).toMatchObject({ code: 0 });
});

test('the demo is watched by its link, stopped, and billed', async () => {
  const data = join(folder, 'demo');
  const { child, exited, printed } = await serving(/Ctrl-C/, '--demo', '--data', data);
  const link = /\S+\/watch\/demo#token=\S+/.exec(printed)?.[0] ?? '';
  expect(printed).toMatch(/\/console#token=\S+\n/);
  expect(printed).toMatch(/server rtmp:\/\/127\.0\.0\.1:\d+\/live, stream key live\?key=\S+\n/);
  expect(printed).toContain(`bills export --data ${data}\n`);

  const { origin } = new URL(link);
  while (!(await fetchProgram(origin, 'demo')).live);

  const out = join(folder, 'demo.flv');
  const watched = await tollcast('view', link, '--seconds', '1', '--out', out, '--json');
  expect(watched).toMatchObject({ code: 0, stderr: '' });
  const usage = JSON.parse(watched.stdout);
  expect(usage).toMatchObject({ program: 'demo', endedBy: 'stopped', final: true, currency: 'EUR' });
  expect(usage.mediaBytes).toBeGreaterThan(1_000);

  const piped = start(['view', link, '--out', '-']);
  const pipedEnd = finished(piped);
  const [first] = await once(piped.stdout ?? piped, 'data');
  expect(String(first).slice(0, 3)).toBe('FLV');
  piped.kill('SIGINT');
  expect(await pipedEnd).toMatchObject({ code: 0, stderr: expect.stringMatching(/^demo: \d+ seconds?, 0\.\d\d EUR .*\n$/) });

  const unwritable = await tollcast('view', link, '--out', '/dev/full');
  expect(unwritable).toMatchObject({ code: 1, stderr: expect.stringMatching(/\ntollcast: cannot write \/dev\/full: ENOSPC/) });

  const cutOff = start(['view', link]);
  const cutOffEnd = finished(cutOff);
  const viewings = async () => JSON.parse(await output('viewings', '--json', '--data', data));
  while ((await viewings()).length < 4);
  child.kill('SIGINT');
  expect(await exited).toMatchObject({ code: 0, stderr: '' });
  expect(await cutOffEnd).toMatchObject({ code: 3, stderr: expect.stringContaining('(shutdown)') });
  expect((await viewings()).map(({ endedBy }: { endedBy: string }) => endedBy)).toEqual([
    'stopped',
    'stopped',
    'stopped',
    'shutdown',
  ]);
}, 60_000);
