import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { messageOf } from '../src/errors.ts';
import { bills } from './bills.ts';
import { fanOut } from './fan-out.ts';
import { ingest } from './ingest.ts';
import { join } from './join.ts';
import { keyUpdate } from './key-update.ts';
import { latency } from './latency.ts';
import { topCosts } from './profile.ts';
import { rotation } from './rotation.ts';
import { seal } from './seal.ts';
import { merged, type Settings, setting } from './settings.ts';
import { slow } from './slow.ts';
import { type Benchmark, printTable } from './table.ts';

/** `npm run bench`: measures, and prints a table of each. */

interface Named {
  readonly measures: string;
  readonly run: Benchmark;
}

const BENCHMARKS: Readonly<Record<string, Named>> = {
  seal: { measures: 'encryption of chunks', run: seal },
  'key-update': { measures: 'a key update and its receipt, in parts, without sockets', run: keyUpdate },
  fanout: { measures: 'CPU for each GB that viewers are sent, delay and memory, by viewers', run: fanOut },
  latency: { measures: "from the broadcaster's socket to decrypted at the viewer", run: latency },
  slow: { measures: 'what viewers who read nothing cost the others', run: slow },
  bills: { measures: 'exports and verification of a ledger of a million receipts', run: bills },
  ingest: { measures: 'broadcasters: many, a fast one, and how many fill a core', run: ingest },
  rotation: { measures: 'keys and receipts of up to 10,000 control sockets', run: rotation },
  join: { measures: 'from asking to watch to the first chunk, alone and in a crowd', run: join },
};

interface Options {
  readonly smoke?: boolean;
  readonly json?: boolean;
  readonly viewers?: readonly number[];
  readonly set?: Settings;
  readonly profile?: string;
  readonly plots?: string;
}

const width = Math.max(...Object.keys(BENCHMARKS).map((name) => name.length));
const command = new Command('npm run bench --')
  .description('measures a relay beside floors and peers, and prints a table of each benchmark')
  .addArgument(new Argument('[name...]', 'all of them unless some are named').choices(Object.keys(BENCHMARKS)))
  .option('--smoke', 'only see that they work')
  .option('--json', 'a line for each, for machines')
  .option('--viewers <n,…>', 'how many, where there are several figures for that', counts)
  .option('--set <setting=value>', 'a part of the configuration, such as viewers.maxBatchMs=50; may be given again', setAlso)
  .option('--profile <folder>', "leave CPU profiles of the relay's threads there, and tell what took most")
  .option('--plots <folder>', 'leave plots there, of those that have one')
  .addHelpText('after', () => {
    const lines = Object.entries(BENCHMARKS).map(([name, { measures }]) => `  ${name.padEnd(width)}  ${measures}`);
    return `\nBenchmarks:\n${lines.join('\n')}`;
  })
  .parse();

function counts(text: string): readonly number[] {
  const parsed = text.split(',').map(Number);
  if (parsed.every((count) => Number.isInteger(count) && count > 0)) return parsed;
  throw new InvalidArgumentError('give whole numbers, such as 10,1000.');
}

function setAlso(text: string, before: Settings = {}): Settings {
  try {
    return merged(before, setting(text));
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)}.`);
  }
}

const { smoke = false, json = false, viewers, set: settings = {}, profile, plots } = command.opts<Options>();
const names = command.args.length > 0 ? command.args : Object.keys(BENCHMARKS);
for (const name of names) {
  const result = await BENCHMARKS[name]?.run({
    smoke,
    settings,
    ...(viewers === undefined ? {} : { viewers }),
    ...(profile === undefined ? {} : { profile }),
    note: (text) => process.stderr.write(`${name}: ${text}\n`),
  });
  if (result === undefined) continue;
  const { plot, ...table } = result;
  if (json) console.log(JSON.stringify({ name, ...table }));
  else printTable(name, table);
  if (plots === undefined || plot === undefined) continue;
  mkdirSync(plots, { recursive: true });
  writeFileSync(resolve(plots, `${name}.svg`), plot);
}
if (profile !== undefined) for (const part of topCosts(profile)) printTable(part.thread, part);
