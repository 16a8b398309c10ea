import { ProgressLine } from '../../src/cli/progress-line.ts';
import type { SimResult } from './world.ts';

export type Totals = Record<string, number>;
/** What became of one seed. */
export type Line = { readonly seed: number } & ({ readonly totals: Totals } | { readonly failed: string });

const HOUR_MS = 3_600_000;
/** Where nobody looks at a terminal: how often a line says how far it is. */
const PROGRESS_MS = 30_000;
/** What is not injected but happens, in this order. Everything else is named "group: what". */
const HAPPENED = [
  'broadcasts',
  'epochs',
  'keys',
  'chunks sealed',
  'viewings',
  'receipts',
  'chunks sent',
  'catch-ups',
  'viewings revoked',
  'ends told without the ledger',
  'statements',
  'looked for growth',
];

export const totalsOf = ({ counts, billedMs, simulatedMs }: SimResult): Totals => ({ ...counts, billedMs, simulatedMs });

/** What there is to say: of each seed for a machine, of all of them for people, and meanwhile on stderr how far it is. */
export class Report {
  readonly #count: number;
  readonly #isJson: boolean;
  readonly #progress = new ProgressLine();
  readonly #fromMs = performance.now();
  readonly #totals: Totals = {};
  #saidMs = this.#fromMs;
  #done = 0;
  #failed = 0;

  constructor(count: number, isJson: boolean) {
    this.#count = count;
    this.#isJson = isJson;
  }

  take(line: Line): void {
    this.#done++;
    if (this.#isJson) process.stdout.write(`${JSON.stringify(line)}\n`);
    if ('failed' in line) this.#failure(`seed ${line.seed}: ${line.failed}`);
    else for (const [name, value] of Object.entries(line.totals)) this.#totals[name] = (this.#totals[name] ?? 0) + value;
    const text = () => `${this.#done} of ${this.#count} seeds, ${this.#failed} failed, ${this.#rateMs().toFixed(0)} ms each …`;
    this.#progress.show(text);
    if (this.#isJson || process.stderr.isTTY || performance.now() - this.#saidMs < PROGRESS_MS) return;
    this.#saidMs = performance.now();
    process.stderr.write(`${text()}\n`);
  }

  /** Something else than a seed came to nothing. */
  crashed(what: string): void {
    this.#failure(what);
  }

  end(): void {
    this.#progress.clear();
    if (this.#isJson) return;
    const { billedMs = 0, simulatedMs = 0, ...counts } = this.#totals;
    row('seeds', this.#done - this.#failed);
    row('simulated hours', Math.round(simulatedMs / HOUR_MS));
    row('hours billed', Math.round(billedMs / HOUR_MS));
    for (const name of HAPPENED) row(name, counts[name] ?? 0);
    let group = '';
    for (const name of Object.keys(counts).sort()) {
      const [of, what] = name.split(': ');
      if (of === undefined || what === undefined) continue;
      if (of !== group) process.stdout.write(`\n${of}\n`);
      group = of;
      row(`  ${what}`, counts[name] ?? 0);
    }
    const seconds = (performance.now() - this.#fromMs) / 1_000;
    const { done, failed } = { done: this.#done, failed: this.#failed };
    const all = done < this.#count ? `, of ${this.#count} that were asked for` : '';
    process.stdout.write(
      `\n${done} seeds in ${seconds.toFixed(0)} s (${this.#rateMs().toFixed(0)} ms each)${all}, ${failed} failed\n`,
    );
  }

  #failure(what: string): void {
    this.#failed++;
    process.exitCode = 1;
    this.#progress.clear();
    if (!this.#isJson) process.stdout.write(`${what}\n`);
  }

  #rateMs(): number {
    return (performance.now() - this.#fromMs) / Math.max(1, this.#done);
  }
}

const row = (name: string, value: number): void => {
  process.stdout.write(`${name.padEnd(42)}${value.toLocaleString('en').padStart(15)}\n`);
};
