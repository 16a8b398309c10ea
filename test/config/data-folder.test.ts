import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openDataFolder } from '../../src/config/data-folder.ts';
import { codeOf } from '../ledger/support.ts';

describe('the secret that signs tokens', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tollcast-data-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('is made once, for its owner only, and leaves nothing else behind', () => {
    const { tokenSecret } = openDataFolder(folder);
    expect(tokenSecret).toHaveLength(32);
    expect(statSync(join(folder, 'token.secret')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['token.secret']);
    expect(openDataFolder(folder).tokenSecret).toEqual(tokenSecret);
  });

  test('that is not whole is refused, not replaced', () => {
    writeFileSync(join(folder, 'token.secret'), 'c2hvcnQ\n');
    expect(codeOf(() => openDataFolder(folder))).toBe('secret-invalid');
    expect(readFileSync(join(folder, 'token.secret'), 'utf8')).toBe('c2hvcnQ\n');
  });

  test('is one and the same for processes that all start at once, and at no moment is it there in part', async () => {
    const module = new URL('../../src/config/data-folder.ts', import.meta.url).href;
    // Each looks at the file as closely as it can until it is there.
    const script = `
      const { existsSync, readFileSync } = await import('node:fs');
      const { openDataFolder } = await import(${JSON.stringify(module)});
      const [folder, watches, atMs] = [process.argv[1], process.argv[2] === 'watch', Number(process.argv[3])];
      while (Date.now() < atMs) {}
      const file = folder + '/token.secret';
      if (watches) {
        while (!existsSync(file)) {}
        process.stdout.write(readFileSync(file, 'utf8').trim());
      } else process.stdout.write(Buffer.from(openDataFolder(folder).tokenSecret).toString('base64url'));`;
    const atMs = String(Date.now() + 1_500);
    const secrets = await Promise.all(
      ['make', 'make', 'make', 'watch'].map(async (role) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder, role, atMs]);
        const [secret] = await Promise.all([text(child.stdout), once(child, 'exit')]);
        return secret;
      }),
    );
    expect(new Set(secrets).size).toBe(1);
    expect(Buffer.from(secrets[0] ?? '', 'base64url')).toHaveLength(32);
    expect(readdirSync(folder)).toEqual(['token.secret']);
  }, 20_000);
});
