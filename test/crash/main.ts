import { Command } from 'commander';
import { Random } from '../sim/random.ts';
import { CrashRun } from './crash-run.ts';

/** `npm run crash`: kills the real relay again and again, and looks at what it left. */

const program = new Command('npm run crash --')
  .description('kills the relay with SIGKILL at random instants of a broadcast, and checks the ledger after each')
  .option('--kills <n>', 'how often', '200')
  .option('--viewers <n>', 'at once', '20')
  .option('--seed <n>', 'of the instants', '1')
  .parse();
const { kills, viewers, seed } = program.opts<{ kills: string; viewers: string; seed: string }>();

const run = await CrashRun.open(new Random(Number(seed)), Number(viewers));
try {
  for (let kill = 1; kill <= Number(kills); kill++) {
    await run.kill();
    if (kill % 10 === 0) {
      await run.restartTwice();
      process.stderr.write(`${kill} of ${kills} kills: ${JSON.stringify(run.figures)}\n`);
    }
  }
  for (const [name, value] of Object.entries(run.figures))
    process.stdout.write(`${name.padEnd(10)}${value.toLocaleString('en').padStart(12)}\n`);
} finally {
  await run.close();
}
