import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { FAULTS } from './faults.ts';
import { Violation } from './oracle.ts';
import { type Line, Report, totalsOf } from './report.ts';
import { type Found, search } from './search.ts';
import { simulate } from './world.ts';

/** `npm run sim`: runs whole deployments, with everybody who has to do with them, on a simulated clock, network and disk. */

interface Options {
  readonly seed?: string;
  readonly seeds: string;
  readonly step: string;
  readonly hours?: string;
  readonly jobs: string;
  readonly fault?: string;
  readonly faults?: boolean;
  readonly json?: boolean;
}

const MINUTE_MS = 60_000;

/** Set by a signal: what is done so far is told. */
let isInterrupted = false;
const children = new Set<ChildProcess>();

async function main(): Promise<void> {
  const program = new Command('npm run sim --')
    .description('simulates deployments, each from a seed, and checks what must always hold (DESIGN.md, section 5)')
    .option('--seed <n>', 'this one only: a seed that failed fails again, in the same way')
    .option('--seeds <n>', 'so many, from 1 on, or from --seed on', '1000')
    .option('--step <n>', 'each so many after the one before', '1')
    .option('--hours <h>', 'how long each lasts in its own time; a minute unless given')
    .option('--jobs <n>', 'processes at once', '2')
    .option('--fault <name>', `a rule to break on purpose: ${Object.keys(FAULTS).join('; ')}`)
    .option('--faults', 'looks for each of these, until a seed fails')
    .option('--json', 'a line of JSON for each seed')
    .parse();
  const options = program.opts<Options>();
  if (options.faults) {
    await faults(Number(options.seed ?? 1), options);
    return;
  }
  const isOne = options.seed !== undefined && program.getOptionValueSource('seeds') === 'default';
  const [first, count] = [Number(options.seed ?? 1), isOne ? 1 : Number(options.seeds)];
  const jobs = Math.min(count, Number(options.jobs));
  if (options.fault !== undefined && FAULTS[options.fault] === undefined) program.error(`there is no fault "${options.fault}"`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  const report = new Report(count, options.json === true);
  if (jobs > 1) await inProcesses(first, count, jobs, options, report);
  else await here(first, count, options, report);
  report.end();
}

/** One after another, or each process so many: `first` and `step` are places in their order then. */
async function faults(first: number, { seeds, jobs, step, json }: Options): Promise<void> {
  const names = Object.keys(FAULTS);
  const take = (found: Found) => {
    if (found.as === '') process.exitCode = 1;
    process.stdout.write(
      json ? `${JSON.stringify(found)}\n` : `${found.fault}: seed ${found.seed}: ${found.as || 'NOT FOUND'}\n`,
    );
  };
  if (json) {
    for (let at = first - 1; at < names.length; at += Number(step))
      take(await search(names[at] as string, Number(seeds), MINUTE_MS));
    return;
  }
  const shares = Array.from({ length: Number(jobs) }, (_, at) =>
    linesOf(['--faults', '--seed', at + 1, '--step', jobs, '--seeds', seeds, '--json'], (line) =>
      take(JSON.parse(line) as Found),
    ),
  );
  await Promise.all(shares);
}

/** Of another of these processes. */
async function linesOf(args: readonly (string | number)[], take: (line: string) => void): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  for await (const line of createInterface({ input: child.stdout })) take(line);
  children.delete(child);
}

function interrupt(): void {
  isInterrupted = true;
  process.exitCode = 130;
  for (const child of children) child.kill();
}

async function here(first: number, count: number, options: Options, report: Report): Promise<void> {
  const fault = options.fault === undefined ? undefined : FAULTS[options.fault];
  const forMs = options.hours === undefined ? MINUTE_MS : Number(options.hours) * 60 * MINUTE_MS;
  for (let at = 0; at < count && !isInterrupted; at++) {
    const seed = first + at * Number(options.step);
    const line = await simulate({ seed, forMs, fault }).then(
      (result): Line => ({ seed, totals: totalsOf(result) }),
      (error: Error): Line => ({ seed, failed: error instanceof Violation ? error.message : String(error.stack) }),
    );
    report.take(line);
  }
}

/** Each process takes one seed in so many: interrupted, they have all come about as far. */
async function inProcesses(first: number, count: number, jobs: number, options: Options, report: Report): Promise<void> {
  const runs = Array.from({ length: jobs }, async (_, at) => {
    const seeds = Math.ceil((count - at) / jobs);
    const args = ['--seed', first + at, '--seeds', seeds, '--step', jobs, '--jobs', 1, '--json'];
    if (options.hours !== undefined) args.push('--hours', options.hours);
    if (options.fault !== undefined) args.push('--fault', options.fault);
    let taken = 0;
    await linesOf(args, (line) => {
      report.take(JSON.parse(line) as Line);
      taken++;
    });
    if (taken < seeds && !isInterrupted) report.crashed(`a process ended after ${taken} of its ${seeds} seeds`);
  });
  await Promise.all(runs);
}

await main();
