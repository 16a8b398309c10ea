import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import type { FuzzResult } from './fuzz.ts';
import { TARGETS } from './targets.ts';

const INPUTS = 2_000;

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

test.each(TARGETS.map(({ name }) => name))(
  `%s holds at ${INPUTS} inputs`,
  (name) => {
    const { status, results, stderr } = run('./main.ts', name, '--inputs', String(INPUTS));
    expect({ failures: results.map(({ failure }) => failure), stderr }).toEqual({ failures: [undefined], stderr: '' });
    expect({ status, inputs: results[0]?.inputs }).toEqual({ status: 0, inputs: INPUTS });
  },
  120_000,
);

test.each(['throws', 'rejects', 'rejects-unseen', 'throws-unseen', 'dawdles'])(
  'a fault is found, and again by what is printed: one that %s',
  (name) => {
    const { status, results } = run('./planted-main.ts', name, '--inputs', '1000', '--seed', '7');
    const failure = results[0]?.failure;
    expect({ status, message: failure?.message }).toEqual({ status: 1, message: expect.stringMatching(/planted|processor/) });
    const again = failure?.again.split(' -- ')[1]?.split(' ') ?? [];
    expect(again).toEqual([name, '--seed', '7', '--from', String(failure?.index), '--inputs', '1']);
    expect(run('./planted-main.ts', ...again)).toMatchObject({ status: 1, results: [{ failure: { index: failure?.index } }] });
  },
  60_000,
);

test.each(['hangs', 'never-answers'])('an input without an end is found: one that %s', (name) => {
  const { status, results, stderr } = run('./planted-main.ts', name, '--inputs', '1000', '--seed', '7', '--hang', '1');
  expect({ status, results }).toEqual({ status: null, results: [] });
  expect(stderr).toMatch(/npm run fuzz -- \S+ --seed 7 --inputs 1 --from 15$/m);
});

test('where there is no fault none is found', () => {
  const { status, results } = run('./planted-main.ts', 'holds', '--inputs', '1000');
  expect({ status, failure: results[0]?.failure }).toEqual({ status: 0, failure: undefined });
});
