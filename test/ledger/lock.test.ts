import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { lockDataFolder } from '../../src/ledger/lock.ts';
import { codeOf, newFolder } from './support.ts';

/** What another process gets that tries to lock the folder. */
const elsewhere = (folder: string): string =>
  spawnSync(process.execPath, [new URL('./process.ts', import.meta.url).pathname, 'try-lock', folder]).stdout.toString();

describe('the lock of a data folder', () => {
  test('is for one at a time, also within a process', () => {
    const folder = join(newFolder(), 'new', 'data');
    const lock = lockDataFolder(folder);
    expect(codeOf(() => lockDataFolder(folder))).toBe('data-in-use');
    // Having tried it again here must not have given it away (POSIX locks go with any close of the file).
    expect(elsewhere(folder)).toBe('data-in-use');
    lock.release();
    expect(elsewhere(folder)).toBe('locked');
  });

  test('makes its folder readable for its owner only', () => {
    const folder = join(newFolder(), 'data');
    lockDataFolder(folder).release();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'relay.lock')).mode & 0o777).toBe(0o600);
  });

  test('says that a folder cannot be written', () => {
    const file = join(newFolder(), 'file');
    writeFileSync(file, '');
    expect(codeOf(() => lockDataFolder(join(file, 'data')))).toBe('data-unwritable');
  });
});
