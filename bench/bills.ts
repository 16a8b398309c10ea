import { createHash } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { ledgerFile } from '../src/ledger/database.ts';
import { bigLedger } from './big-ledger.ts';
import { type Cost, costHere, type ProcessCost, processCost } from './measured.ts';
import type { Benchmark } from './table.ts';

const SIZE = { receipts: 1_000_000, viewings: 20_000 };
const SMOKE_SIZE = { receipts: 1_600, viewings: 160 };

const CLI = join(import.meta.dirname, '..', 'bin', 'tollcast.js');

/**
 * Statements of a million receipts: the command line's processes from start to end, beside a floor that only reads the same rows. The
 * goal for the exports is 5 s and 200 MB.
 */
export const bills: Benchmark = async ({ smoke, note }) => {
  const { folder, builtInSeconds } = bigLedger(smoke ? SMOKE_SIZE : SIZE, note);
  note(builtInSeconds === undefined ? `reading ${folder}` : `built ${folder} in ${builtInSeconds.toFixed(0)} s`);
  const file = ledgerFile(folder);
  const ofProcess = async (title: string, ...args: string[]) => {
    note(title);
    return row(title, await processCost([CLI, ...args, '--data', folder]));
  };
  const ofFloor = (title: string, run: () => void) => {
    note(title);
    return row(title, costHere(run));
  };
  const rows = [
    await ofProcess('bills export, csv', 'bills', 'export', '--format', 'csv'),
    await ofProcess('bills export, ndjson', 'bills', 'export', '--format', 'ndjson'),
    ofFloor('floor: reading receipts and served time', () => readRows(file)),
    await ofProcess('ledger verify', 'ledger', 'verify'),
    ofFloor('floor: reading and hashing entries', () => hashEntries(file)),
  ];
  return { columns: ['', 'wall s', 'CPU s', 'peak MB', 'output MB'], rows };
};

const row = (title: string, cost: Cost | ProcessCost) => [
  title,
  cost.wallSeconds,
  cost.cpuSeconds,
  ...('peakBytes' in cost ? [cost.peakBytes / 1e6, cost.outputBytes / 1e6] : ['', '']),
];

/** What every bill of the ledger rests on, once, in the order in which it lies. */
function readRows(file: string): void {
  const db = new Database(file, { readonly: true });
  for (const sql of ['SELECT viewing, epoch, at_ms FROM receipt', 'SELECT viewing, from_ms, to_ms FROM served'])
    for (const _ of db.prepare(sql).raw().iterate());
  db.close();
}

/** One hash over everything, where the ledger has one an entry. */
function hashEntries(file: string): void {
  const db = new Database(file, { readonly: true });
  const hash = createHash('sha256');
  const select = db
    .prepare<[], [string, string]>('SELECT boot || mono_ms || wall_ms || kind, body FROM entries ORDER BY seq')
    .raw();
  for (const [head, body] of select.iterate()) hash.update(head).update(body);
  hash.digest();
  db.close();
}
