import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { pathOf } from './page.ts';

const { scripts } = JSON.parse(readFileSync(pathOf('package.json'), 'utf8')) as { scripts: Record<string, string> };

/** A test is named by its path's beginning, as jest takes it. */
const isThere = (name: string): boolean =>
  existsSync(pathOf(name)) ||
  readdirSync(pathOf(dirname(name))).some((file) => pathOf(`${dirname(name)}/${file}`).startsWith(pathOf(name)));

describe.each(['SECURITY.md', 'RELIABILITY.md'])('docs/%s', (name) => {
  const page = readFileSync(pathOf(`docs/${name}`), 'utf8');

  test('names tests that are there', () => {
    const named = [...page.matchAll(/\btest\/[\w./-]+/g)].map(([path]) => path);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((path) => !isThere(path))).toEqual([]);
  });

  test('has nothing that is still to be filled in', () => {
    expect(page.match(/^[A-Z]{4,}$|\| ?[A-Z]{4,} ?\|/gm) ?? []).toEqual([]);
  });

  test('names commands that are there', () => {
    const named = [...page.matchAll(/`npm run ([\w-]+)/g)].map(([, script = '']) => script);
    expect(named.filter((script) => scripts[script] === undefined)).toEqual([]);
  });
});
