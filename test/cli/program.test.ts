import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { streamKeyHash } from '../../src/keys/stream-key.ts';
import { listPrograms } from '../../src/ledger/programs.ts';
import { output, scratchFolder, tollcast } from './command.ts';

const { folder, remove } = scratchFolder();
afterAll(remove);

const inData = ['--data', join(folder, 'data')];
const ledger = join(folder, 'data', 'ledger.db');
const concert = ['program', 'add', 'concert', '--title', 'The concert', '--price', '0.60', '--currency', 'EUR'];

test('a program is added, listed, rekeyed and removed', async () => {
  const added = await output(...concert, ...inData);
  const streamKey = /Stream key {2}(\S+)/.exec(added)?.[1] ?? '';
  expect(added).toContain(`rtmp://HOST/live/concert?key=${streamKey}\n`);
  expect(listPrograms(ledger)).toEqual([
    {
      name: 'concert',
      title: 'The concert',
      tariff: { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 },
      streamKeyHash: streamKeyHash(streamKey),
    },
  ]);
  expect(await tollcast(...concert, ...inData)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('exists') });

  const [header, line, ...rest] = (await output('program', 'list', ...inData)).split('\n');
  expect(header).toMatch(/^name {5}title {8}price a minute {2}increment$/);
  expect(line).toMatch(/^concert {2}The concert {8}0\.60 EUR {8}1 s$/);
  expect(rest).toEqual(['']);

  const rekeyed = JSON.parse(await output('program', 'rekey', 'concert', '--json', ...inData));
  expect(rekeyed.streamKey).not.toBe(streamKey);
  expect(listPrograms(ledger)[0]?.streamKeyHash).toBe(streamKeyHash(rekeyed.streamKey));

  await output('program', 'remove', 'concert', ...inData);
  expect(JSON.parse(await output('program', ...inData, 'list', '--json'))).toEqual([]);
});

test('what a machine adds, it gets back as JSON; no file has the stream key, and none is for others to read', async () => {
  const data = join(folder, 'machine');
  const options = ['--title', 'Jazz', '--price', '1', '--currency', 'JPY', '--increment', '30', '--json', '--data', data];
  const added = JSON.parse(await output('program', 'add', 'jazz', ...options));
  expect(added).toEqual({
    name: 'jazz',
    title: 'Jazz',
    tariff: { pricePerMinute: '1', currency: 'JPY', incrementSeconds: 30 },
    streamKey: expect.stringMatching(/^[\w-]{43}$/),
    publishPath: `jazz?key=${added.streamKey}`,
  });
  for (const name of ['ledger.db', 'token.secret']) {
    const file = join(data, name);
    expect(readFileSync(file).includes(added.streamKey)).toBe(false);
    expect(statSync(file).mode & 0o077).toBe(0);
  }
});
