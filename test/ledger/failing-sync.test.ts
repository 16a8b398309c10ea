import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { ledgerFile, openToWrite } from '../../src/ledger/database.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { type DiskFault, FaultyDisk } from '../disk/faulty-disk.ts';
import { cc } from '../e2e/programs.ts';
import { newFolder } from './support.ts';

/** Enough for the write-ahead log to be carried over into the database, and begun anew, several times. */
const RECEIPTS = 3_000;

/** The receipts that a process was told are durable when it was killed: place in the chain, hash. */
async function receiptsOn(folder: string, disk: FaultyDisk, fault: DiskFault): Promise<(readonly [seq: number, hash: string])[]> {
  const script = new URL('./process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, 'receipts', ledgerFile(folder)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...disk.env },
  });
  const acknowledged: [number, string][] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [seq, hash] = line.split(' ');
    if (hash?.length !== 64) continue; // cut off by the kill
    if (acknowledged.length === 0) disk.fails(fault, 3);
    acknowledged.push([Number(seq), hash]);
    if (acknowledged.length === RECEIPTS) child.kill('SIGKILL');
  }
  return acknowledged;
}

(cc === undefined ? test.skip : (test.concurrent as typeof test.skip)).each(['sync-drops', 'sync-keeps'] as const)(
  'a disk of which each third sync fails (%s) has, after a loss of power, all that was acknowledged',
  async (fault) => {
    const folder = newFolder();
    openToWrite(ledgerFile(folder)).close();
    const disk = new FaultyDisk(folder, newFolder());
    const left = ledgerFile(disk.image);
    const emptyBytes = statSync(left).size;
    const acknowledged = await receiptsOn(folder, disk, fault);
    expect(acknowledged.length).toBeGreaterThanOrEqual(RECEIPTS);

    expect(verifyLedger(left)).toMatchObject({ ok: true });
    const db = new Database(left, { readonly: true });
    const hashes = new Map(
      db
        .prepare<[], { seq: number; hash: string }>('SELECT seq, lower(hex(hash)) AS hash FROM entries')
        .all()
        .map(({ seq, hash }) => [seq, hash]),
    );
    db.close();
    expect(acknowledged.filter(([seq, hash]) => hashes.get(seq) !== hash)).toEqual([]);
    expect(statSync(left).size).toBeGreaterThan(5 * emptyBytes);
  },
  60_000,
);
