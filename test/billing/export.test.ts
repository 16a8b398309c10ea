import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { type ExportFormat, exportCharges } from '../../src/billing/export.ts';
import { charges } from '../../src/billing/statement.ts';
import type { ViewingRecord } from '../../src/billing/viewing-record.ts';
import { record, running } from './records.ts';

async function exported(viewings: Iterable<ViewingRecord>, format: ExportFormat): Promise<string> {
  const parts: Buffer[] = [];
  const target = new Writable({
    write(part, _encoding, done) {
      parts.push(part);
      done();
    },
  });
  await exportCharges(charges(viewings), format, target);
  return Buffer.concat(parts).toString();
}

function* viewers(count: number): Generator<ViewingRecord> {
  for (let i = 0; i < count; i++) yield record({ viewer: `viewer-${i}` });
}

const HEADER = 'viewer,program,broadcast,viewings,started_at,ended_at,ended_by,billable_seconds,currency,price_per_minute,amount';

describe('bills as CSV', () => {
  test('have a row for each charge, with the times in UTC', async () => {
    const again = record({ viewing: 'viewing-2', startedMs: 30_000, endedMs: 31_500, confirmed: [], endedBy: 'unconfirmed' });
    expect(await exported([record(), again, running({ viewer: 'bob' })], 'csv')).toBe(
      [
        HEADER,
        'ada,concert,broadcast-1,2,2026-03-01T18:00:01.000Z,2026-03-01T18:00:31.500Z,unconfirmed,20,EUR,0.60,0.20',
        'bob,concert,broadcast-1,1,2026-03-01T18:00:01.000Z,,running,20,EUR,0.60,0.20',
        '',
      ].join('\n'),
    );
  });

  test('have a header even when nothing is owed', async () => {
    expect(await exported([], 'csv')).toBe(`${HEADER}\n`);
  });

  test.each([
    ['=1+1', "'=1+1"],
    ['+49', "'+49"],
    ['-2', "'-2"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\tx', "'\tx"],
    ['\rx', '"\'\rx"'],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
    ['a,b', '"a,b"'],
    ['a\nb', '"a\nb"'],
    ['a=b', 'a=b'],
  ])('write the viewer %j as %j, which no spreadsheet runs', async (viewer, cell) => {
    const [, rows] = (await exported([record({ viewer })], 'csv')).split(`${HEADER}\n`);
    expect(rows?.startsWith(`${cell},concert,`)).toBe(true);
  });

  test('have every row when there are many blocks of them', async () => {
    const lines = (await exported(viewers(5_000), 'csv')).trimEnd().split('\n');
    expect(lines.slice(1).map((line) => line.split(',')[0])).toEqual([...viewers(5_000)].map(({ viewer }) => viewer));
  });
});

describe('bills as JSON', () => {
  test('nest the viewings and end with the total of each currency', async () => {
    const yen = { pricePerMinute: '60', currency: 'JPY', incrementSeconds: 30 };
    const document: unknown = JSON.parse(
      await exported([record({ viewer: '=ada' }), running({ viewer: 'bob', tariff: yen })], 'json'),
    );
    expect(document).toEqual({
      charges: [
        {
          viewer: '=ada',
          program: 'concert',
          broadcast: 'broadcast-1',
          startedAt: '2026-03-01T18:00:01.000Z',
          endedAt: '2026-03-01T18:00:21.000Z',
          endedBy: 'stopped',
          billableMs: 20_000,
          billableSeconds: 20,
          currency: 'EUR',
          pricePerMinute: '0.60',
          incrementSeconds: 1,
          amount: '0.20',
          viewings: [
            {
              viewing: 'viewing-1',
              token: 'token-1',
              startedAt: '2026-03-01T18:00:01.000Z',
              endedAt: '2026-03-01T18:00:21.000Z',
              endedBy: 'stopped',
              billableMs: 20_000,
              receipts: 2,
            },
          ],
        },
        expect.objectContaining({ viewer: 'bob', endedAt: null, endedBy: 'running', billableSeconds: 30, amount: '30' }),
      ],
      totals: [
        { currency: 'EUR', charges: 1, amount: '0.20' },
        { currency: 'JPY', charges: 1, amount: '30' },
      ],
    });
  });

  test('are a document even when nothing is owed', async () => {
    expect(JSON.parse(await exported([], 'json'))).toEqual({ charges: [], totals: [] });
  });

  test('are one charge a line as NDJSON', async () => {
    const lines = (await exported([record({ viewer: 'a\nb' }), record({ viewer: 'bob' })], 'ndjson')).trimEnd().split('\n');
    const { charges: whole } = JSON.parse(await exported([record({ viewer: 'a\nb' }), record({ viewer: 'bob' })], 'json'));
    expect(lines.map((line) => JSON.parse(line))).toEqual(whole);
  });
});

describe('an export', () => {
  test('reads no further than a slow reader takes', async () => {
    let read = 0;
    function* counted() {
      for (const viewing of viewers(100_000)) {
        read++;
        yield viewing;
      }
    }
    let stalled: () => void = () => {};
    const stall = new Promise<void>((resolve) => {
      stalled = resolve;
    });
    let goOn: () => void = () => {};
    const target = new Writable({
      write(_part, _encoding, done) {
        goOn = done;
        stalled();
      },
    });
    const exporting = exportCharges(charges(counted()), 'csv', target);
    const failed = expect(exporting).rejects.toThrow('gone');
    await stall;
    await new Promise(setImmediate);
    expect(read).toBeLessThan(10_000);
    target.destroy(new Error('gone'));
    goOn();
    await failed;
    expect(read).toBeLessThan(10_000);
  });

  test('fails with what its target failed with', async () => {
    const full = new Writable({ write: (_part, _encoding, done) => done(new Error('no space left')) });
    await expect(exportCharges(charges(viewers(10)), 'ndjson', full)).rejects.toThrow('no space left');
  });
});
