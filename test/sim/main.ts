import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { ProgressLine } from '../../src/cli/progress-line.ts';
import { FAULTS } from './faults.ts';
import { Violation } from './oracle.ts';
import { type SimResult, simulate } from './world.ts';

/** `npm run sim`: runs whole deployments, with everybody who has to do with them, on a simulated clock, network and disk. */

interface Options {
  readonly seed?: string;
  readonly seeds: string;
  readonly hours?: string;
  readonly jobs: string;
  readonly fault?: string;
  readonly json?: boolean;
}

type Totals = Record<string, number>;
type Line = { readonly seed: number } & ({ readonly totals: Totals } | { readonly failed: string });

const MINUTE_MS = 60_000;

async function main(): Promise<void> {
  const program = new Command('npm run sim --')
    .description('simulates deployments, each from a seed, and checks what must always hold (DESIGN.md, section 5)')
    .option('--seed <n>', 'this one only: a seed that failed fails again, in the same way')
    .option('--seeds <n>', 'so many, from 1 on, or from --seed on', '1000')
    .option('--hours <h>', 'how long each lasts in its own time; a minute unless given')
    .option('--jobs <n>', 'processes at once', '2')
    .option('--fault <name>', `a rule to break on purpose: ${Object.keys(FAULTS).join('; ')}`)
    .option('--json', 'a line of JSON for each seed')
    .parse();
  const options = program.opts<Options>();
  const isOne = options.seed !== undefined && program.getOptionValueSource('seeds') === 'default';
  const [first, count] = [Number(options.seed ?? 1), isOne ? 1 : Number(options.seeds)];
  const jobs = Math.min(count, Number(options.jobs));
  if (options.fault !== undefined && FAULTS[options.fault] === undefined) program.error(`there is no fault "${options.fault}"`);
  if (jobs > 1) await inProcesses(first, count, jobs, options);
  else await here(first, count, options);
}

async function here(first: number, count: number, options: Options): Promise<void> {
  const fault = options.fault === undefined ? undefined : FAULTS[options.fault];
  const forMs = options.hours === undefined ? MINUTE_MS : Number(options.hours) * 60 * MINUTE_MS;
  const report = new Report(count, options);
  for (let seed = first; seed < first + count; seed++) {
    report.take(
      await simulate({ seed, forMs, fault }).then(
        (result) => ({ seed, totals: totalsOf(result) }),
        (error: Error) => ({ seed, failed: error instanceof Violation ? error.message : String(error.stack) }),
      ),
    );
  }
  report.end();
}

/** Each process takes a share of the seeds, one after another. */
async function inProcesses(first: number, count: number, jobs: number, options: Options): Promise<void> {
  const report = new Report(count, options);
  const share = Math.ceil(count / jobs);
  const runs = Array.from({ length: jobs }, async (_, at) => {
    const from = first + at * share;
    const seeds = Math.min(share, first + count - from);
    if (seeds <= 0) return;
    const args = ['--seed', from, '--seeds', seeds, '--jobs', 1, '--json'].map(String);
    if (options.hours !== undefined) args.push('--hours', options.hours);
    if (options.fault !== undefined) args.push('--fault', options.fault);
    const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: child.stdout })) report.take(JSON.parse(line) as Line);
  });
  await Promise.all(runs);
  report.end();
}

const totalsOf = ({ counts, billedMs, simulatedMs }: SimResult): Totals => ({ ...counts, billedMs, simulatedMs });

/** What there is to say: of each seed for a machine, of all of them for people. */
class Report {
  readonly #count: number;
  readonly #options: Options;
  readonly #progress = new ProgressLine();
  readonly #fromMs = performance.now();
  readonly #totals: Totals = {};
  #done = 0;
  #failed = 0;

  constructor(count: number, options: Options) {
    this.#count = count;
    this.#options = options;
  }

  take(line: Line): void {
    this.#done++;
    if (this.#options.json) process.stdout.write(`${JSON.stringify(line)}\n`);
    if ('failed' in line) {
      this.#failed++;
      process.exitCode = 1;
      if (!this.#options.json) process.stdout.write(`seed ${line.seed}: ${line.failed}\n`);
    } else {
      for (const [name, value] of Object.entries(line.totals)) this.#totals[name] = (this.#totals[name] ?? 0) + value;
    }
    this.#progress.show(() => `${this.#done} of ${this.#count} seeds, ${this.#failed} failed …`);
  }

  end(): void {
    this.#progress.clear();
    if (this.#options.json) return;
    const seconds = (performance.now() - this.#fromMs) / 1_000;
    const { billedMs = 0, ...counts } = this.#totals;
    const figures = Object.entries({ ...counts, 'hours billed': Math.round(billedMs / 36_000) / 100 });
    for (const [name, value] of figures) process.stdout.write(`${name.padEnd(14)}${value.toLocaleString('en').padStart(14)}\n`);
    const rate = ((seconds * 1_000) / this.#done).toFixed(0);
    process.stdout.write(`${this.#done} seeds in ${seconds.toFixed(0)} s (${rate} ms each), ${this.#failed} failed\n`);
  }
}

await main();
