import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bills } from './bills.ts';
import { fanOut } from './fan-out.ts';
import { ingest } from './ingest.ts';
import { join } from './join.ts';
import { keyUpdate } from './key-update.ts';
import { latency } from './latency.ts';
import { topCosts } from './profile.ts';
import { rotation } from './rotation.ts';
import { seal } from './seal.ts';
import { merged, setting } from './settings.ts';
import { slow } from './slow.ts';
import { type Benchmark, printTable } from './table.ts';

/**
 * `npm run bench -- [NAME …]`: all of them unless some are named. `--smoke`: only sees that they work. `--json`: a line for each.
 * `--viewers 10,1000`: of those that have several figures for that. `--set viewers.maxBatchMs=50`: a part of the relay's configuration;
 * may come several times. `--profile FOLDER`: leaves CPU profiles of the relay there, and tells what took most. `--plots FOLDER`: leaves
 * the plots there that some have.
 */
const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  seal,
  'key-update': keyUpdate,
  fanout: fanOut,
  latency,
  slow,
  bills,
  ingest,
  rotation,
  join,
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    smoke: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    viewers: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    profile: { type: 'string' },
    plots: { type: 'string' },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(BENCHMARKS);
const unknown = names.find((name) => !(name in BENCHMARKS));
if (unknown !== undefined) {
  console.error(`bench: there is no ${unknown}; there is ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}
const { smoke, viewers, profile, plots } = values;
const settings = values.set.map(setting).reduce(merged, {});
for (const name of names) {
  const result = await BENCHMARKS[name]?.({
    smoke,
    settings,
    ...(viewers === undefined ? {} : { viewers: viewers.split(',').map(Number) }),
    ...(profile === undefined ? {} : { profile }),
    note: (text) => process.stderr.write(`${name}: ${text}\n`),
  });
  if (result === undefined) continue;
  const { plot, ...table } = result;
  if (values.json) console.log(JSON.stringify({ name, ...table }));
  else printTable(name, table);
  if (plots === undefined || plot === undefined) continue;
  mkdirSync(plots, { recursive: true });
  writeFileSync(resolve(plots, `${name}.svg`), plot);
}
if (profile !== undefined) for (const part of topCosts(profile)) printTable(part.thread, part);
