import { globSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { pathOf } from './page.ts';

const sources = globSync('src/**/*.ts', { cwd: pathOf('.') }).map((file) => readFileSync(pathOf(file), 'utf8'));
const page = readFileSync(pathOf('docs/DEPLOYMENT.md'), 'utf8');
/** A role's name stands in some. */
const named = (text: string, pattern: RegExp): string[] =>
  [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name.replace(/\$\{role.kind\}/, 'ROLE')))].sort();

test('docs/DEPLOYMENT.md lists every metric, and none besides', () => {
  const made = named(sources.join('\n'), /metrics\.(?:gauge|totals?)\(\s*['`](tollcast_[^'`]+)/g);
  const [, table = ''] = page.split('### Metrics');
  const listed = named(table.split('Worth an alert')[0] ?? '', /`(tollcast_\w+)/g);
  expect(listed).toEqual(made);
  expect(made.length).toBeGreaterThan(10);
});
