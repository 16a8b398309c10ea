import { describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { secretHash } from '../../src/keys/secret-proof.ts';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import { addEncryptor, listEncryptors, revokeEncryptor } from '../../src/ledger/encryptors.ts';
import { MIGRATIONS, migrate } from '../../src/ledger/migrations.ts';
import { addProgram, listPrograms } from '../../src/ledger/programs.ts';
import { openReader } from '../../src/ledger/reader.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { codeOf, manualClock, newLedgerFile, tamper } from './support.ts';
import { tariff } from './support-entries.ts';

function withPrograms(...names: string[]): string {
  const file = newLedgerFile();
  for (const name of names) addProgram(file, { name, title: name, tariff });
  return file;
}

describe('an encryptor elsewhere', () => {
  test('is added for programs, with a secret of which only the hash is kept', () => {
    const file = withPrograms('news', 'sport');
    const { secret } = addEncryptor(file, { name: 'studio', programs: ['news', 'sport', 'news'] });
    expect(listEncryptors(file)).toEqual([{ name: 'studio', programs: ['news', 'sport'], secretHash: secretHash(secret) }]);
    const db = new Database(file, { readonly: true });
    expect(JSON.stringify(db.prepare('SELECT * FROM entries').all())).not.toContain(secret);
    db.close();
    expect(verifyLedger(file)).toMatchObject({ ok: true });
  });

  test('is added once, under a name, for programs that exist', () => {
    const file = withPrograms('news');
    const add = (name: string, programs: string[]) => codeOf(() => addEncryptor(file, { name, programs }));
    expect(add('Studio 1', ['news'])).toBe('encryptor-name');
    expect(add('studio', [])).toBe('encryptor-programs');
    expect(add('studio', ['new'])).toBe('program-unknown');
    expect(add('studio', ['news'])).toBe('nothing was thrown');
    expect(add('studio', ['news'])).toBe('encryptor-exists');
    expect(listEncryptors(file)).toHaveLength(1);
  });

  test('that is revoked is gone, and may be added again with another secret', () => {
    const file = withPrograms('news');
    const first = addEncryptor(file, { name: 'studio', programs: ['news'] });
    revokeEncryptor(file, 'studio');
    expect(listEncryptors(file)).toEqual([]);
    expect(codeOf(() => revokeEncryptor(file, 'studio'))).toBe('encryptor-unknown');
    expect(addEncryptor(file, { name: 'studio', programs: ['news'] }).secret).not.toBe(first.secret);
    expect(verifyLedger(file)).toMatchObject({ ok: true });
  });
});

test('a broadcast is known by its own program only', () => {
  const file = withPrograms('news');
  appendNow(file, manualClock('relay'), () => [{ kind: 'broadcast-started', program: 'news', broadcast: 'b1' }]);
  const reader = openReader(file);
  expect([
    reader.knowsBroadcast('news', 'b1'),
    reader.knowsBroadcast('sport', 'b1'),
    reader.knowsBroadcast('news', 'b2'),
  ]).toEqual([true, false, false]);
  reader.close();
});

test('a ledger from before there were encryptors elsewhere is brought up to date, with all that it had', () => {
  const file = withPrograms('news');
  tamper(file, (db) => {
    db.exec('DROP TABLE encryptor');
    db.pragma('user_version = 1');
  });
  const db = new Database(file);
  migrate(db, file);
  expect(db.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length);
  db.close();
  expect(listPrograms(file).map(({ name }) => name)).toEqual(['news']);
  expect(listEncryptors(file)).toEqual([]);
});
