import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import { openToRead, openToWrite } from '../../src/ledger/database.ts';
import { MIGRATIONS, type Migration, migrate, schemaVersion } from '../../src/ledger/migrations.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { codeOf, manualClock, newFolder, newLedgerFile, tamper, viewingsIn } from './support.ts';
import { consent } from './support-entries.ts';

const created = (): string => {
  const file = newLedgerFile();
  openToWrite(file).close();
  return file;
};

describe('a ledger that is opened', () => {
  test('is made with its folder, for its owner only, and commits durably', () => {
    const file = join(newFolder(), 'a', 'b', 'ledger.db');
    const db = openToWrite(file);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('synchronous', { simple: true })).toBe(2); // FULL
    for (const path of [file, `${file}-wal`]) expect(statSync(path).mode & 0o777).toBe(0o600);
    db.close();
  });

  test('is not there yet: ledger-missing', () => {
    expect(codeOf(() => openToRead(newLedgerFile()))).toBe('ledger-missing');
  });

  test('is no database: ledger-corrupt', () => {
    const file = newLedgerFile();
    writeFileSync(file, 'not a database, but long enough to look like one'.repeat(100));
    expect(codeOf(() => openToWrite(file))).toBe('ledger-corrupt');
    expect(codeOf(() => openToRead(file))).toBe('ledger-corrupt');
  });

  test("is somebody else's database: ledger-corrupt, and untouched", () => {
    const file = newLedgerFile();
    tamper(file, (db) => db.exec('CREATE TABLE theirs (x)'));
    expect(codeOf(() => openToWrite(file))).toBe('ledger-corrupt');
    tamper(file, (db) => expect(db.prepare('SELECT name FROM sqlite_master').pluck().all()).toEqual(['theirs']));
  });

  test('is in a folder that cannot be: data-unwritable', () => {
    const file = join(newFolder(), 'file');
    writeFileSync(file, '');
    expect(codeOf(() => openToWrite(join(file, 'ledger.db')))).toBe('data-unwritable');
    const folder = join(newFolder(), 'ledger.db');
    mkdirSync(folder);
    expect(codeOf(() => openToWrite(folder))).toBe('data-unwritable');
  });

  test('has no space to be made in: data-full', () => {
    expect(codeOf(() => openToWrite(newLedgerFile(), { maxPages: 3 }))).toBe('data-full');
  });

  test('is from a newer version: ledger-newer', () => {
    const file = created();
    tamper(file, (db) => db.pragma('user_version = 99'));
    expect(codeOf(() => openToWrite(file))).toBe('ledger-newer');
    expect(codeOf(() => openToRead(file))).toBe('ledger-newer');
  });
});

describe('migrations', () => {
  const one: Migration = (db) => db.exec('CREATE TABLE a (x)');
  const two: Migration = (db) => db.exec('CREATE TABLE b (x)');
  const broken: Migration = (db) => {
    db.exec('CREATE TABLE c (x)');
    throw new Error('broken');
  };
  const tables = (db: Database.Database): unknown => db.prepare('SELECT name FROM sqlite_master ORDER BY name').pluck().all();

  test('are done once each, in order', () => {
    const db = new Database(':memory:');
    migrate(db, 'memory', [one]);
    migrate(db, 'memory', [one, two]);
    migrate(db, 'memory', [one, two]);
    expect([schemaVersion(db), tables(db)]).toEqual([2, ['a', 'b']]);
  });

  test('that fail leave the version before', () => {
    const db = new Database(':memory:');
    expect(() => migrate(db, 'memory', [one, broken])).toThrow('broken');
    expect([schemaVersion(db), tables(db)]).toEqual([1, ['a']]);
  });

  test('do not go back', () => {
    const db = new Database(':memory:');
    migrate(db, 'memory', [one, two]);
    expect(codeOf(() => migrate(db, 'memory', [one]))).toBe('ledger-newer');
  });
});

describe('the viewings of one token', () => {
  /** How SQLite finds them. */
  const plan = (file: string): string => {
    const db = openToRead(file);
    const sql = 'EXPLAIN QUERY PLAN SELECT v.viewing FROM viewing v WHERE v.token = ? ORDER BY v.viewer, v.charged_as, v.id';
    const steps = db.prepare<[string], { detail: string }>(sql).all('jti');
    db.close();
    return steps.map(({ detail }) => detail).join('; ');
  };

  test('are found without looking at all the others', () => {
    expect(plan(created())).toContain('USING INDEX viewing_of_token');
  });

  test('are found so in a ledger from before there was an index, too, which has all that it had', () => {
    const file = created();
    appendNow(file, manualClock('relay'), () => [
      { kind: 'broadcast-started', program: 'p', broadcast: 'b' },
      consent('v', 'ann'),
    ]);
    const before = viewingsIn(file);
    tamper(file, (db) => {
      db.exec('DROP INDEX viewing_of_token');
      db.pragma('user_version = 2');
    });
    expect(codeOf(() => openToRead(file))).toBe('ledger-older');
    const db = openToWrite(file);
    expect(schemaVersion(db)).toBe(MIGRATIONS.length);
    db.close();
    expect(plan(file)).toContain('USING INDEX viewing_of_token');
    expect(viewingsIn(file)).toEqual(before);
    expect(before).toHaveLength(1);
  });
});

test('a ledger that has a row for each report of served time is made one that has them together', () => {
  const file = created();
  appendNow(file, manualClock('relay'), () => [
    { kind: 'broadcast-started', program: 'p', broadcast: 'b' },
    consent('v', 'ann'),
    { kind: 'served', program: 'p', epoch: 1, spans: [['v', 0, 2_000]] },
    { kind: 'served', program: 'p', epoch: 1, spans: [['v', 2_000, 4_000]] },
  ]);
  const before = viewingsIn(file);
  tamper(file, (db) => {
    db.exec('UPDATE served SET to_ms = 2000; INSERT INTO served SELECT viewing, 2000, 4000 FROM served');
    db.pragma('user_version = 3');
  });
  openToWrite(file).close();
  expect(verifyLedger(file)).toMatchObject({ ok: true });
  expect(viewingsIn(file)).toEqual(before);
  expect(before[0]?.served).toEqual([{ fromMs: 0, toMs: 4_000 }]);
});
