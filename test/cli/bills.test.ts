import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { finished, output, scratchFolder, start, tollcast } from './command.ts';
import { writeEvenings } from './evening.ts';

const { folder, remove } = scratchFolder();
const inData = ['--data', folder];
beforeAll(() => writeEvenings(folder));
afterAll(remove);

const HEADER =
  'viewer,program,broadcast,viewings,started_at,ended_at,ended_by,billable_seconds,currency,price_per_minute,amount\n';
const ADA = 'ada,concert,first,2,2026-03-01T18:00:01.000Z,2026-03-01T18:00:40.000Z,stopped,30,EUR,0.60,0.30\n';
const BOB = 'bob,concert,second,1,2026-03-02T18:00:01.000Z,2026-03-02T18:00:31.000Z,stopped,30,EUR,0.60,0.30\n';

test('a bill is CSV on stdout unless something else is asked for', async () => {
  const [all, ofAda, ofMarch2, document] = await Promise.all([
    output('bills', 'export', ...inData),
    output('bills', 'export', '--viewer', 'ada', ...inData),
    output('bills', 'export', '--from', '2026-03-02', '--to', '2026-03-03', ...inData),
    output('bills', 'export', '--json', ...inData),
  ]);
  expect(all).toBe(HEADER + ADA + BOB);
  expect(ofAda).toBe(HEADER + ADA);
  expect(ofMarch2).toBe(HEADER + BOB);
  const { charges, totals } = JSON.parse(document);
  expect(charges).toMatchObject([
    { viewer: 'ada', amount: '0.30', viewings: [{ viewing: 'v1' }, { viewing: 'v2' }] },
    { viewer: 'bob', amount: '0.30', viewings: [{ viewing: 'v3' }] },
  ]);
  expect(totals).toEqual([{ currency: 'EUR', charges: 2, amount: '0.60' }]);
});

test('a file is replaced whole, through a link too, and nothing is left beside it', async () => {
  const target = join(folder, 'out');
  mkdirSync(target);
  writeFileSync(join(target, 'bill.csv'), 'old');
  symlinkSync('bill.csv', join(target, 'latest.csv'));
  await output('bills', 'export', '--out', join(target, 'latest.csv'), ...inData);
  expect(readFileSync(join(target, 'bill.csv'), 'utf8')).toBe(HEADER + ADA + BOB);
  expect(readdirSync(target)).toEqual(['bill.csv', 'latest.csv']);
});

test('a reader that leaves early, as head does, is no error', async () => {
  const child = start(['bills', 'export', ...inData]);
  child.stdout?.destroy();
  expect(await finished(child)).toMatchObject({ code: 0, stderr: '' });
});

test('viewings are listed each for itself', async () => {
  const [table, document] = await Promise.all([
    output('viewings', '--viewer', 'ada', ...inData),
    output('viewings', '--json', '--program', 'concert', ...inData),
  ]);
  expect(table.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['viewer', 'program', 'started', 'ended', 'ended by', 'seconds', 'amount'],
    ['ada', 'concert', '2026-03-01 18:00:01Z', '2026-03-01 18:00:21Z', 'stopped', '20', '0.20 EUR'],
    ['ada', 'concert', '2026-03-01 18:00:30Z', '2026-03-01 18:00:40Z', 'stopped', '10', '0.10 EUR'],
    [''],
  ]);
  expect(JSON.parse(document)).toMatchObject([
    { viewing: 'v1', viewer: 'ada', billableMs: 20_000, billableSeconds: 20, amount: '0.20', receipts: 1, endedBy: 'stopped' },
    { viewing: 'v2', startedAt: '2026-03-01T18:00:30.000Z', endedAt: '2026-03-01T18:00:40.000Z' },
    { viewing: 'v3', viewer: 'bob' },
  ]);
});

test('a program that never was is not a bill without a line', async () => {
  for (const command of [['bills', 'export'], ['viewings']]) {
    expect(await tollcast(...command, '--program', 'opera', ...inData)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'tollcast: there is no program "opera": see tollcast program list\n',
    });
  }
});
