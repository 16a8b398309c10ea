import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { FAULTS } from './faults.ts';
import { Violation } from './oracle.ts';
import { simulate } from './world.ts';

const SEEDS = 1_000;
const FOR_MS = 60_000;

const failure = (seed: number, name: string): Promise<Violation | undefined> =>
  simulate({ seed, forMs: FOR_MS, fault: FAULTS[name] }).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof Violation) return error;
      throw error;
    },
  );

test(`holds what must always hold in ${SEEDS} simulated deployments`, () => {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const args = ['--disable-warning=ExperimentalWarning', main, '--seeds', String(SEEDS), '--jobs', '2'];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  process.stderr.write(stdout);
  expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining(`${SEEDS} seeds in`) });
}, 300_000);

test('a seed is the same run each time', async () => {
  for (const seed of [11, 12]) {
    const run = () => simulate({ seed, forMs: FOR_MS });
    expect(await run()).toEqual(await run());
  }
});

describe('a rule that is broken on purpose is found', () => {
  test.each(Object.entries(FAULTS))(
    '%s',
    async (name, { breaks }) => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const found = await failure(seed, name);
        if (found === undefined) continue;
        process.stderr.write(`seed ${seed}: ${found.message}\n`);
        expect(breaks).toContain(found.invariant);
        expect(await failure(seed, name)).toMatchObject({ invariant: found.invariant });
        return;
      }
      throw new Error(`not found in ${SEEDS} seeds`);
    },
    120_000,
  );
});
