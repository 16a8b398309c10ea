import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { ProgressLine } from '../../src/cli/progress-line.ts';
import { plotOf } from './plot.ts';
import { csv } from './series.ts';
import { soak } from './soak.ts';

/** `npm run soak`: a relay with an audience that comes and goes, for as long as it takes to see what grows. */

const program = new Command('npm run soak --')
  .description('lets viewers come and go at a real relay, and shows whether its memory, handles and event-loop delay stay flat')
  .option('--minutes <n>', 'how long', '10')
  .option('--viewers <n>', 'at once', '100')
  .option('--programs <n>', 'at once', '3')
  .option('--period <ms>', 'of the keys', '2000')
  .option('--seed <n>', 'of who comes when and leaves how', '1')
  .option('--out <folder>', 'writes soak.csv and soak.svg there as it goes')
  .parse();
const { minutes, viewers, programs, period, seed, out } = program.opts<Record<string, string>>();

const title = `${viewers} viewers who come and go, ${programs} programs, a key each ${Number(period) / 1_000} s`;
const progress = new ProgressLine();
if (out !== undefined) mkdirSync(out, { recursive: true });

const result = await soak({
  minutes: Number(minutes),
  viewers: Number(viewers),
  programs: Number(programs),
  periodMs: Number(period),
  seed: Number(seed),
  onSample: (samples, audience) => {
    const now = samples.at(-1);
    progress.show(
      () =>
        `${((now?.atMs ?? 0) / 60_000).toFixed(1)} of ${minutes} min, ${audience.viewings} viewings, ${audience.complaints.length} complaints …`,
    );
    if (out === undefined || samples.length % 12 !== 0) return;
    writeFileSync(join(out, 'soak.csv'), csv(samples));
    writeFileSync(join(out, 'soak.svg'), plotOf(samples, title));
  },
});
progress.clear();
if (out !== undefined) {
  writeFileSync(join(out, 'soak.csv'), csv(result.samples));
  writeFileSync(join(out, 'soak.svg'), plotOf(result.samples, title));
}

const print = (line: string): unknown => process.stdout.write(`${line}\n`);
for (const [name, value] of Object.entries(result.figures))
  print(`${name.padEnd(26)}${value.toLocaleString('en', { maximumFractionDigits: 1 }).padStart(14)}`);
print(`\n${'second quarter to last'.padEnd(26)}${'early'.padStart(10)}${'late'.padStart(10)}`);
for (const { what, unit, early, late, flat } of result.verdicts)
  print(
    `${what.padEnd(26)}${early.toFixed(1).padStart(10)}${late.toFixed(1).padStart(10)} ${unit.padEnd(4)}${flat ? 'flat' : 'GROWS'}`,
  );
for (const fault of result.faults) print(`fault: ${fault}`);
if (result.faults.length > 0 || result.verdicts.some(({ flat }) => !flat)) process.exitCode = 1;
