import { afterEach, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import { openToWrite } from '../../src/ledger/database.ts';
import type { Entered, Entry } from '../../src/ledger/entry.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { type LedgerOptions, openLedger } from '../../src/ledger/sqlite-ledger.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { manualClock, newLedgerFile } from './support.ts';
import { silent } from './support-entries.ts';

const open: Ledger[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((ledger) => ledger.close()));
});

interface Started {
  ledger: Ledger;
  file: string;
  /** Resolves when the ledger first reports that it cannot write. */
  faulty: Promise<void>;
}

async function start(options: Partial<LedgerOptions> = {}): Promise<Started> {
  const file = options.file ?? newLedgerFile();
  const { promise: faulty, resolve } = Promise.withResolvers<void>();
  const log = { ...silent, error: () => resolve() };
  const clock = manualClock('relay');
  const ledger = await openLedger({
    file,
    clock,
    log,
    busyTimeoutMs: 1,
    retryMs: { first: 5, longest: 20 },
    pollMs: 10,
    ...options,
  });
  open.push(ledger);
  return { ledger, file, faulty };
}

const programAdded = (program: string): Entry => ({
  kind: 'program-added',
  program,
  title: program,
  tariff: { pricePerMinute: '1', currency: 'EUR', incrementSeconds: 1 },
  streamKeyHash: '',
});
const key = (epoch: number): Entry => ({ kind: 'key-sent', viewing: 'v', epoch });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

function stored(file: string): { seq: number; kind: string; body: string; hash: string }[] {
  const db = new Database(file, { readonly: true });
  try {
    return db
      .prepare<[], { seq: number; kind: string; body: string; hash: string }>(
        'SELECT seq, kind, body, lower(hex(hash)) AS hash FROM entries ORDER BY seq',
      )
      .all();
  } finally {
    db.close();
  }
}

describe('the ledger', () => {
  test('acknowledges an entry only once another process can read it', async () => {
    const clock = manualClock('relay', 1_000_000);
    const { ledger, file } = await start({ clock });
    clock.setMs(1234);
    const appended = ledger.append(key(7));
    clock.setMs(9999);
    const entered = await appended;
    expect(entered).toMatchObject({ seq: 1, boot: 'relay', monoMs: 1234, wallMs: 1_001_234, entry: key(7) });
    expect(stored(file)).toEqual([{ seq: 1, kind: 'key-sent', body: '{"viewing":"v","epoch":7}', hash: entered.hash }]);
  });

  test('resolves in the order of the calls, across groups', async () => {
    const { ledger, file } = await start({ groupCommitMs: 0 });
    const order: number[] = [];
    const appends = numbers(10_000).map((epoch) => ledger.append(key(epoch)).then(({ seq }) => order.push(seq)));
    await ledger.append({ kind: 'life' });
    await Promise.all(appends);
    expect(order).toEqual(numbers(10_000));
    expect(stored(file).map(({ body }) => body)).toEqual([
      ...numbers(10_000).map((epoch) => `{"viewing":"v","epoch":${epoch}}`),
      '{}',
    ]);
    expect(verifyLedger(file)).toMatchObject({ ok: true, entries: 10_001 });
  });

  test('keeps what it cannot write while another holds the database, and writes it in order afterwards', async () => {
    const { ledger, file, faulty } = await start();
    const other = openToWrite(file);
    other.exec('BEGIN IMMEDIATE');
    const first = ledger.append(key(1));
    await faulty;
    const second = ledger.append(key(2));
    expect(ledger.state).toMatchObject({ waiting: 2, fault: { code: 'SQLITE_BUSY', sinceMs: 0 } });
    other.exec('COMMIT');
    other.close();
    expect((await first).seq).toBe(1);
    expect((await second).seq).toBe(2);
    expect(ledger.state).toEqual({ waiting: 0 });
    expect(stored(file).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('waits while the disk is full, and goes on by itself once there is space', async () => {
    const file = newLedgerFile();
    const other = openToWrite(file);
    other.exec(`CREATE TABLE filler (bytes BLOB); INSERT INTO filler VALUES (zeroblob(${4 << 20}))`);
    const maxPages = Number(other.pragma('page_count', { simple: true })) + 4;
    const { ledger, faulty } = await start({ file, maxPages });
    const appends = numbers(2_000).map((epoch) => ledger.append(key(epoch)));
    await faulty;
    expect(ledger.state).toMatchObject({ waiting: 2_000, fault: { code: 'SQLITE_FULL' } });
    expect(stored(file)).toEqual([]);
    other.exec('DROP TABLE filler');
    other.close();
    expect((await Promise.all(appends)).map(({ seq }) => seq)).toEqual(numbers(2_000));
    expect(verifyLedger(file)).toMatchObject({ ok: true, entries: 2_000 });
  });

  test('refuses the one entry that can never be written, and none of its neighbours', async () => {
    const { ledger, file } = await start();
    const half: Entry = { kind: 'broadcast-started', program: 'p', broadcast: 'b' };
    const appends = [
      ledger.append(half),
      ...numbers(20).map((epoch) => ledger.append(key(epoch))),
      ledger.append({ kind: 'broadcast-ended', program: 'p', broadcast: 'b', atMs: 0.5, reason: 'not whole' }),
      ...numbers(20).map((epoch) => ledger.append(key(epoch))),
    ];
    const results = await Promise.allSettled(appends);
    expect(results.map(({ status }) => status).indexOf('rejected')).toBe(21);
    expect(results[21]).toMatchObject({ reason: { code: 'entry-refused' } });
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(41);
    expect(verifyLedger(file)).toMatchObject({ ok: true, entries: 41 });
  });

  test('rejects more than may wait', async () => {
    const { ledger, file, faulty } = await start({ maxWaiting: 2 });
    const other = openToWrite(file);
    other.exec('BEGIN IMMEDIATE');
    const kept = [ledger.append(key(1)), ledger.append(key(2))];
    await expect(ledger.append(key(3))).rejects.toMatchObject({ code: 'ledger-full' });
    await faulty;
    other.close();
    expect((await Promise.all(kept)).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('tells of entries by other writers, in order, and not of its own', async () => {
    const { ledger, file } = await start();
    const told: Entered[] = [];
    const { promise: three, resolve } = Promise.withResolvers<void>();
    ledger.onForeign((entered) => {
      if (told.push(entered) === 3) resolve();
    });
    const other = manualClock('cli');
    appendNow(file, other, () => [programAdded('a')]);
    await ledger.append({ kind: 'life' });
    appendNow(file, other, () => [programAdded('b'), programAdded('c')]);
    await three;
    await ledger.append({ kind: 'life' });
    expect(told.map(({ seq, entry }) => [seq, entry])).toEqual([
      [1, programAdded('a')],
      [3, programAdded('b')],
      [4, programAdded('c')],
    ]);
  });

  test('tells of another writer without writing anything itself', async () => {
    const { ledger, file } = await start();
    const told = new Promise<Entered>((resolve) => ledger.onForeign(resolve));
    const [entered] = appendNow(file, manualClock('cli'), () => [programAdded('a')]);
    expect(await told).toEqual(entered);
  });

  test('writes what has patience with what has none, and lets it wait for no longer than that', async () => {
    const { ledger } = await start();
    const answered: string[] = [];
    const patient = ledger.append(key(1), 60_000).then(() => answered.push('patient'));
    await ledger.append(key(2)).then(() => answered.push('prompt'));
    await patient;
    expect(answered).toEqual(['patient', 'prompt']);
    const beforeMs = performance.now();
    await Promise.all([ledger.append(key(3), 60_000), ledger.append(key(4), 100), ledger.append(key(5), 60_000)]);
    expect(performance.now() - beforeMs).toBeGreaterThanOrEqual(99);
    expect(ledger.state).toEqual({ waiting: 0 });
  });

  test('writes what waits when it is closed, and takes nothing afterwards', async () => {
    const { ledger, file } = await start({ groupCommitMs: 60_000 });
    const appends = numbers(50).map((epoch) => ledger.append(key(epoch)));
    await ledger.close();
    expect((await Promise.all(appends)).map(({ seq }) => seq)).toEqual(numbers(50));
    await expect(ledger.append(key(1))).rejects.toMatchObject({ code: 'ledger-closed' });
    expect(stored(file)).toHaveLength(50);
  });

  test('does not wait for ever for the disk when it is closed', async () => {
    const { ledger, file, faulty } = await start({ closeMs: 50 });
    const other = openToWrite(file);
    other.exec('BEGIN IMMEDIATE');
    const lost = expect(ledger.append(key(1))).rejects.toMatchObject({ code: 'ledger-closed' });
    await faulty;
    await ledger.close();
    await lost;
    other.close();
  });

  test('says in one line why it cannot be opened', async () => {
    const clock = manualClock('relay');
    const opening = openLedger({ file: '/dev/null/ledger.db', clock, log: silent });
    await expect(opening).rejects.toMatchObject({ name: 'TollcastError', code: 'data-unwritable' });
  });
});
