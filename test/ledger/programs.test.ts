import { existsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { streamKeyHash } from '../../src/keys/stream-key.ts';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import { addProgram, listPrograms, rekeyProgram, removeProgram } from '../../src/ledger/programs.ts';
import { openReader } from '../../src/ledger/reader.ts';
import { codeOf, manualClock, newLedgerFile } from './support.ts';
import { tariff } from './support-entries.ts';

const add = (file: string, name = 'news', title = 'The news') => addProgram(file, { name, title, tariff });

describe('a program', () => {
  test('is added with a stream key of 256 bits, of which only the hash is kept', () => {
    const file = newLedgerFile();
    const { streamKey } = add(file);
    expect(Buffer.from(streamKey, 'base64url')).toHaveLength(32);
    expect(listPrograms(file)).toEqual([{ name: 'news', title: 'The news', tariff, streamKeyHash: streamKeyHash(streamKey) }]);
    const db = new Database(file, { readonly: true });
    expect(JSON.stringify(db.prepare('SELECT * FROM entries').all())).not.toContain(streamKey);
    db.close();
  });

  test.each(['', 'News', '-news', '_news', 'a b', 'ä', 'a/b', 'x'.repeat(65)])('cannot be named "%s"', (name) => {
    const file = newLedgerFile();
    expect(codeOf(() => add(file, name))).toBe('program-name');
    expect(existsSync(file)).toBe(false);
  });

  test.each(['a', '0', 'a-b_c', 'x'.repeat(64)])('can be named "%s"', (name) => {
    expect(add(newLedgerFile(), name).streamKey).toHaveLength(43);
  });

  test.each(['', ' ', 'x'.repeat(201)])('cannot be titled "%s"', (title) => {
    expect(codeOf(() => add(newLedgerFile(), 'news', title))).toBe('program-title');
  });

  test('cannot be added twice', () => {
    const file = newLedgerFile();
    add(file);
    expect(codeOf(() => add(file))).toBe('program-exists');
    expect(listPrograms(file)).toHaveLength(1);
  });

  test('gets another stream key by rekey', () => {
    const file = newLedgerFile();
    const before = add(file);
    const after = rekeyProgram(file, 'news');
    expect(after.streamKey).not.toBe(before.streamKey);
    expect(listPrograms(file)[0]?.streamKeyHash).toBe(streamKeyHash(after.streamKey));
  });

  test('goes on counting epochs when it was removed and is added again', () => {
    const file = newLedgerFile();
    add(file);
    appendNow(file, manualClock('relay'), () => [{ kind: 'epoch-reserved', program: 'news', broadcast: 'b', epoch: 12 }]);
    removeProgram(file, 'news');
    expect(listPrograms(file)).toEqual([]);
    add(file);
    const reader = openReader(file);
    expect(reader.lastEpoch('news')).toBe(12);
    reader.close();
  });

  test('that does not exist can be neither removed nor given a key', () => {
    const file = newLedgerFile();
    expect(codeOf(() => removeProgram(file, 'news'))).toBe('ledger-missing');
    expect(existsSync(file)).toBe(false);
    add(file, 'other');
    expect(codeOf(() => removeProgram(file, 'news'))).toBe('program-unknown');
    expect(codeOf(() => rekeyProgram(file, 'news'))).toBe('program-unknown');
  });
});
