import type { Settings } from './settings.ts';

export interface BenchmarkOptions {
  /** Only see that it works: as little of it as will do. */
  readonly smoke: boolean;
  /** How many viewers, where a benchmark has several figures for that. */
  readonly viewers?: readonly number[];
  /** Parts of the relay's configuration. */
  readonly settings: Settings;
  /** A folder for the relay's CPU profiles. */
  readonly profile?: string;
  /** Progress, for people. */
  note(text: string): void;
}

export interface Result {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** Where a curve says more, as SVG. */
  readonly plot?: string;
}

export type Benchmark = (options: BenchmarkOptions) => Promise<Result>;

export function printTable(name: string, { columns, rows }: Result): void {
  const cells = [columns, ...rows].map((row) => row.map((cell) => (typeof cell === 'number' ? rounded(cell) : cell)));
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  console.log(`\n${name}`);
  for (const row of cells)
    console.log(
      `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`,
    );
}

const rounded = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** Microseconds of CPU time a call, over as many calls as fit into `forMs`. */
export async function cpuMicros(forMs: number, call: () => unknown): Promise<number> {
  const untilMs = performance.now() + forMs;
  for (let warm = 0; warm < 50; warm++) await call();
  const before = process.cpuUsage();
  let calls = 0;
  do {
    for (let burst = 0; burst < 20; burst++) await call();
    calls += 20;
  } while (performance.now() < untilMs);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}
