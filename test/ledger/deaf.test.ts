import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import type { Entered, Entry } from '../../src/ledger/entry.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { until } from '../e2e/relay-process.ts';
import { manualClock, newLedgerFile } from './support.ts';
import { receipt } from './support-entries.ts';

const long = (epoch: number): Entry => ({ kind: 'receipt', viewing: 'v', epoch, chunks: 0, receipt: 'x'.repeat(20_000) });

/** https://www.sqlite.org/fileformat2.html: of the log, and of a page with what did not fit into its row, where that goes on. */
const [LOG_HEADER_BYTES, FRAME_HEADER_BYTES, PAGE_BYTES, NEXT_PAGE_BYTES] = [32, 24, 4_096, 4];

/** Has the log's pages of nothing but `letter` go on at a page that there is not; what it returns puts them right. */
function breakChain(file: string, letter: string): () => void {
  const log = `${file}-wal`;
  const bytes = readFileSync(log);
  const content = Buffer.alloc(1_000, letter);
  const pages: number[] = [];
  for (let at = LOG_HEADER_BYTES + FRAME_HEADER_BYTES; at < bytes.length; at += FRAME_HEADER_BYTES + PAGE_BYTES)
    if (
      bytes
        .subarray(at + NEXT_PAGE_BYTES)
        .subarray(0, content.length)
        .equals(content)
    )
      pages.push(at);
  const put = (next: (page: number) => Buffer) => {
    const fd = openSync(log, 'r+');
    for (const page of pages) writeSync(fd, next(page), 0, NEXT_PAGE_BYTES, page);
    closeSync(fd);
  };
  put(() => Buffer.of(0x7f, 0xff, 0xff, 0xff));
  return () => put((page) => bytes.subarray(page, page + NEXT_PAGE_BYTES));
}

test('entries of others that cannot be read while its own are written are told of once, and when they are read again', async () => {
  const file = newLedgerFile();
  const lines: string[] = [];
  const log = {
    info: (_: unknown, text?: string) => void lines.push(`info: ${text}`),
    warn: (_: unknown, text?: string) => void lines.push(`warn: ${text}`),
    error: (_: unknown, text?: string) => void lines.push(`error: ${text}`),
  };
  const ledger = await openLedger({ file, clock: manualClock('relay'), log, pollMs: 60_000 });
  const told: Entered[] = [];
  ledger.onForeign((entered) => told.push(entered));
  try {
    await ledger.append({ kind: 'life' });
    const other = manualClock('cli');
    appendNow(file, other, () => [long(1), receipt('v', 2)]);
    const mend = breakChain(file, 'x');
    await ledger.append({ kind: 'life' });
    await until(() => ledger.state.deaf, 'it is said that they cannot be read');
    for (let life = 0; life < 5; life++) await ledger.append({ kind: 'life' });
    expect(ledger.state).toMatchObject({ deaf: { code: 'SQLITE_CORRUPT' } });
    expect(ledger.state.fault).toBeUndefined();
    expect(lines).toEqual([expect.stringMatching(/^error: ledger cannot read what other writers entered/)]);
    expect(told).toEqual([]);

    mend();
    // Its pages are looked at anew once another has written.
    appendNow(file, other, () => [receipt('v', 3)]);
    await ledger.append({ kind: 'life' });
    await until(() => ledger.state.deaf === undefined, 'they are read again');
    expect(lines.slice(1)).toEqual(['info: ledger reads what other writers entered again']);
    expect(told.map(({ entry }) => entry.kind === 'receipt' && entry.epoch)).toEqual([1, 2, 3]);
  } finally {
    await ledger.close();
  }
});
