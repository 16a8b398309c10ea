import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import type { FuzzResult } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const INPUTS = 1_000;
/** Where each takes long. */
const FEWER: Readonly<Record<string, number>> = { 'rtmp-tcp': 200 };

/** `main`: a file beside this one. */
function run(main: string, ...args: string[]): { status: number | null; results: FuzzResult[]; stderr: string } {
  const file = fileURLToPath(new URL(main, import.meta.url));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', file, '--json', ...args],
    {
      encoding: 'utf8',
    },
  );
  const lines = stdout.split('\n').filter(Boolean);
  return { status, results: lines.map((line) => JSON.parse(line) as FuzzResult), stderr };
}

test.each(TARGETS.map(({ name }) => [name, FEWER[name] ?? INPUTS] as const))(
  '%s holds at %d inputs',
  (name, inputs) => {
    const { status, results, stderr } = run('./main.ts', name, '--inputs', String(inputs));
    expect({ failures: results.map(({ failure }) => failure), stderr }).toEqual({ failures: [undefined], stderr: '' });
    expect({ status, inputs: results[0]?.inputs }).toEqual({ status: 0, inputs });
  },
  120_000,
);

test.each(['throws', 'rejects', 'rejects-unseen', 'throws-unseen', 'dawdles'])(
  'a fault is found: one that %s',
  (name) => {
    const { status, results } = run('./planted-main.ts', name, '--inputs', '1000', '--seed', '7');
    const failure = results[0]?.failure;
    expect({ status, message: failure?.message }).toEqual({ status: 1, message: expect.stringMatching(/planted|processor/) });
  },
  60_000,
);

test('a failure fails again by what is printed', () => {
  const again = run('./planted-main.ts', 'throws', '--inputs', '1000', '--seed', '7').results[0]?.failure?.again.split(' ') ?? [];
  expect(again.slice(0, 4)).toEqual(['npm', 'run', 'fuzz', '--']);
  const index = Number(again.at(again.indexOf('--from') + 1));
  expect(run('./planted-main.ts', ...again.slice(4))).toMatchObject({ status: 1, results: [{ inputs: 0, failure: { index } }] });
});

test.each(['hangs', 'never-answers'])('an input without an end is found: one that %s', (name) => {
  const { status, results, stderr } = run('./planted-main.ts', name, '--inputs', '1000', '--seed', '7', '--hang', '1');
  expect({ status, results }).toEqual({ status: null, results: [] });
  expect(stderr).toMatch(/npm run fuzz -- \S+ --seed 7 --inputs 1 --from 15$/m);
});

test('where there is no fault none is found', () => {
  const { status, results } = run('./planted-main.ts', 'holds', '--inputs', '1000');
  expect({ status, failure: results[0]?.failure }).toEqual({ status: 0, failure: undefined });
});
