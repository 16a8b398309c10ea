import { parseArgs } from 'node:util';
import { keyUpdate } from './key-update.ts';
import { seal } from './seal.ts';
import { type Benchmark, printTable } from './table.ts';

/** `npm run bench -- [NAME …] [--smoke] [--json]`: all of them unless some are named. */
const BENCHMARKS: Readonly<Record<string, Benchmark>> = { seal, 'key-update': keyUpdate };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const names = positionals.length > 0 ? positionals : Object.keys(BENCHMARKS);
const unknown = names.find((name) => !(name in BENCHMARKS));
if (unknown !== undefined) {
  console.error(`bench: there is no ${unknown}; there is ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}
for (const name of names) {
  const result = await BENCHMARKS[name]?.({ smoke: values.smoke, note: (text) => process.stderr.write(`${name}: ${text}\n`) });
  if (result === undefined) continue;
  if (values.json) console.log(JSON.stringify({ name, ...result }));
  else printTable(name, result);
}
