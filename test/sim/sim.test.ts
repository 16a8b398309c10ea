import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { FAULTS } from './faults.ts';
import type { Invariant } from './oracle.ts';
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

/** Each is looked for from the first seed on until a seed fails, and that seed is run again. */
const search = async (names: readonly string[]): Promise<Map<string, { seed: number; found: string; again: string }>> => {
  const results = new Map<string, { seed: number; found: string; again: string }>();
  const left = [...names];
  const work = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const found = await sim('--fault', name, '--seeds', String(SEEDS), '--jobs', '1', '--until-found', '--json');
      const last = JSON.parse(found.trimEnd().split('\n').at(-1) ?? '{}') as { seed: number; failed?: string };
      const again = await sim('--fault', name, '--seed', String(last.seed), '--json', '--jobs', '1');
      const failed = (JSON.parse(again) as { failed?: string }).failed ?? '';
      results.set(name, { seed: last.seed, found: last.failed ?? '', again: failed });
    }
  };
  await Promise.all(Array.from({ length: JOBS }, work));
  return results;
};

test('every rule that is broken on purpose is found', async () => {
  const results = await search(Object.keys(FAULTS));
  const invariantOf = (message: string) => Number(/^invariant (\d+),/.exec(message)?.[1]);
  for (const [name, { breaks }] of Object.entries(FAULTS)) {
    const { seed, found, again } = results.get(name) ?? { seed: 0, found: '', again: '' };
    process.stderr.write(`${name}: seed ${seed}: ${found.split('\n')[0]}\n`);
    expect({ name, found, isRight: breaks.includes(invariantOf(found) as Invariant) }).toEqual({ name, found, isRight: true });
    expect({ name, again: invariantOf(again) }).toEqual({ name, again: invariantOf(found) });
  }
  const broken = new Set(Object.values(FAULTS).flatMap(({ breaks }) => breaks));
  expect([...broken].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}, 600_000);
