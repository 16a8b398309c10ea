import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import type { Entered } from '../../src/ledger/entry.ts';
import { lockDataFolder } from '../../src/ledger/lock.ts';
import { recover } from '../../src/ledger/recovery.ts';
import { openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { codeOf, manualClock, newFolder, newLedgerFile, viewingsIn } from './support.ts';
import { silent } from './support-entries.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Another process, running one of the roles of `process.ts`. */
function run(role: string, path: string): ChildProcess {
  const script = new URL('./process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--expose-gc', script, role, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  if (child.stdout !== null) yield* createInterface({ input: child.stdout });
}

describe('a process that is killed', () => {
  test('has lost no receipt that it was told is durable', async () => {
    const file = newLedgerFile();
    const child = run('receipts', file);
    const acknowledged = new Map<number, string>();
    for await (const line of linesOf(child)) {
      const [seq, hash] = line.split(' ');
      if (hash?.length !== 64) continue; // cut off by the kill
      acknowledged.set(Number(seq), hash);
      if (acknowledged.size === 500) child.kill('SIGKILL');
    }
    expect(acknowledged.size).toBeGreaterThanOrEqual(500);

    expect(verifyLedger(file)).toMatchObject({ ok: true });
    const db = new Database(file, { readonly: true });
    const hashOf = db.prepare<[number], { hash: string }>('SELECT lower(hex(hash)) AS hash FROM entries WHERE seq = ?');
    for (const [seq, hash] of acknowledged) expect(hashOf.get(seq)?.hash).toBe(hash);
    db.close();

    expect(recover({ file, clock: manualClock('next'), version: '1' })).toEqual({ viewings: 1, broadcasts: 1 });
    const [viewing] = viewingsIn(file);
    expect(viewing?.endedBy).toBe('interrupted');
    expect(viewing?.receipts).toBeGreaterThanOrEqual(acknowledged.size);
  });

  test('leaves its data folder to the next one', async () => {
    const folder = newFolder();
    const child = run('lock', folder);
    for await (const line of linesOf(child)) {
      expect(line).toBe('locked');
      expect(codeOf(() => lockDataFolder(folder))).toBe('data-in-use');
      child.kill('SIGKILL');
    }
    lockDataFolder(folder).release();
  });
});

describe('two processes that write at once', () => {
  test('make one chain, and each is told of the other', async () => {
    const file = newLedgerFile();
    const ledger = await openLedger({ file, clock: manualClock('relay'), log: silent, pollMs: 20 });
    const told: Entered[] = [];
    ledger.onForeign((entered) => told.push(entered));
    const child = run('programs', file);
    const exited = once(child, 'exit');
    let running = true;
    void exited.then(() => {
      running = false;
    });
    let own = 0;
    for (; running; own++) await ledger.append({ kind: 'key-sent', viewing: 'v', epoch: own + 1 });
    // Whatever this one is chained to was told before it is acknowledged.
    await ledger.append({ kind: 'life' });
    await ledger.close();
    expect(told.map(({ entry }) => entry.kind === 'program-added' && entry.program)).toEqual(
      Array.from({ length: 20 }, (_, index) => `p${index}`),
    );
    expect(verifyLedger(file)).toMatchObject({ ok: true, entries: own + 1 + 20 });
  });
});
