import { expect, test } from '@jest/globals';
import { ffmpeg } from '../e2e/programs.ts';
import { Random } from '../sim/random.ts';
import { CrashRun } from './crash-run.ts';

(ffmpeg === undefined ? test.skip : test)(
  'a relay that is killed at any instant loses no durable receipt, bills no second twice and uses no nonce twice',
  async () => {
    const run = await CrashRun.open(new Random(7), 5);
    try {
      for (let kill = 0; kill < 6; kill++) await run.kill();
      await run.restartTwice();
    } finally {
      await run.close();
    }
    process.stderr.write(`${JSON.stringify(run.figures)}\n`);
    expect(run.figures.kills).toBe(6);
    expect(run.figures.receipts).toBeGreaterThan(5);
    expect(run.figures.chunks).toBeGreaterThan(50);
  },
  120_000,
);
