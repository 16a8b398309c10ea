import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { FAULTS } from './faults.ts';
import type { Invariant } from './oracle.ts';
import type { Found } from './search.ts';
import { simulate } from './world.ts';

const SEEDS = 1_000;
const FOR_MS = 60_000;
const JOBS = 2;

/** @returns what `npm run sim` says */
async function sim(...args: string[]): Promise<string> {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let said = '';
  for await (const text of child.stdout) said += text;
  return said;
}

test(`holds what must always hold in ${SEEDS} simulated deployments`, async () => {
  const said = await sim('--seeds', String(SEEDS), '--jobs', String(JOBS));
  process.stderr.write(said);
  expect(said).toContain(`\n${SEEDS} seeds in `);
  expect(said).toContain(', 0 failed\n');
  // Each form was tried, and what is done to them happened.
  for (const row of ['relay', 'facility', 'split', 'authorities killed', 'second encryptors', 'credentials revoked'])
    expect(said).toMatch(new RegExp(`^  ${row} +[1-9][\\d,]{2,}$`, 'm'));
}, 600_000);

test('a seed is the same run each time', async () => {
  for (const seed of [11, 12, 13, 14]) {
    const run = () => simulate({ seed, forMs: FOR_MS });
    expect(await run()).toEqual(await run());
  }
});

test('every rule that is broken on purpose is found', async () => {
  // Each process has every other one.
  const shares = await Promise.all([1, 2].map((at) => sim('--faults', '--seed', String(at), '--step', '2', '--json')));
  const results = shares.flatMap((said) => said.trimEnd().split('\n')).map((line) => JSON.parse(line) as Found);
  const invariantOf = (message: string) => Number(/^invariant (\d+),/.exec(message)?.[1]);
  for (const [fault, { breaks }] of Object.entries(FAULTS)) {
    const { seed, as, again } = results.find((found) => found.fault === fault) ?? { seed: 0, as: '', again: '' };
    process.stderr.write(`${fault}: seed ${seed}: ${as}\n`);
    expect({ fault, as, isRight: breaks.includes(invariantOf(as) as Invariant) }).toEqual({ fault, as, isRight: true });
    expect({ fault, again: invariantOf(again) }).toEqual({ fault, again: invariantOf(as) });
  }
  const broken = new Set(Object.values(FAULTS).flatMap(({ breaks }) => breaks));
  expect([...broken].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}, 600_000);
