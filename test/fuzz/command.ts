import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { ProgressLine } from '../../src/cli/progress-line.ts';
import { type FuzzResult, fuzz } from './fuzz.ts';
import { reportLines } from './report.ts';
import type { FuzzTarget } from './target.ts';

interface Options {
  readonly inputs: number;
  readonly seed: number;
  readonly from: number;
  readonly hang: number;
  readonly json?: boolean;
}

/** `npm run fuzz`: puts inputs to some of `targets`, by the process's arguments. The exit code is 1 if anything was found. */
export async function fuzzCommand(targets: readonly FuzzTarget[]): Promise<void> {
  const names = targets.map(({ name }) => name);
  const program = new Command('npm run fuzz --')
    .description('puts made-up input to everything that takes input from outside, and looks whether all holds')
    .addArgument(new Argument('[target...]', 'what to put it to; everything unless given').choices(names))
    .option('--inputs <n>', 'so many, to each', wholeNumber, 1_000_000)
    .option('--seed <n>', 'what all chance is derived from', wholeNumber, 1)
    .option('--from <n>', 'the number of the first input: one that failed fails again, from its seed and number', wholeNumber, 0)
    .option('--hang <s>', 'seconds after which an input is taken to have no end', wholeNumber, 20)
    .option('--json', 'a line of JSON for each target')
    .addHelpText(
      'after',
      `\nTargets:\n${targets.map(({ name, description }) => `  ${name.padEnd(12)} ${description}\n`).join('')}`,
    )
    .parse();
  const options = program.opts<Options>();
  const chosen = targets.filter(({ name }) => program.args.length === 0 || program.args.includes(name));
  const [first] = chosen;
  const results: FuzzResult[] = [];
  if (chosen.length === 1 && first) results.push(await inThisProcess(first, options));
  // Each in a process of its own, so that its memory is its own.
  else for (const { name } of chosen) results.push(...(await inAnother(name, options)));
  if (results.length < chosen.length || results.some(({ failure }) => failure)) process.exitCode = 1;
  const lines = options.json ? results.map((result) => `${JSON.stringify(result)}\n`) : reportLines(results);
  for (const line of lines) process.stdout.write(line);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('A whole number of up to nine digits belongs here.');
  return Number(text);
}

async function inThisProcess(target: FuzzTarget, { inputs, seed, from, hang }: Options): Promise<FuzzResult> {
  const progress = new ProgressLine();
  const stop = new AbortController();
  // What has been done until then is worth a report.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  const onProgress = (done: number) => progress.show(() => `${target.name}: ${done} of ${inputs} inputs …`);
  try {
    return await fuzz({ target, inputs, seed, from, hangMs: hang * 1_000, signal: stop.signal, onProgress });
  } finally {
    progress.clear();
  }
}

/** None if that process did not come to an end of its own: what it said of that is on stderr. */
async function inAnother(name: string, { inputs, seed, from, hang }: Options): Promise<FuzzResult[]> {
  const args = [name, '--json', '--inputs', inputs, '--seed', seed, '--from', from, '--hang', hang].map(String);
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  // It has the terminal's signal too, and reports; the next target is the user's to stop.
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  const results: FuzzResult[] = [];
  for await (const line of createInterface({ input: child.stdout })) results.push(JSON.parse(line) as FuzzResult);
  await ended;
  process.off('SIGINT', ignore);
  return results;
}
