import type { Command } from 'commander';
import { z } from 'zod';
import { parseTariff } from '../billing/parse-tariff.ts';
import type { Tariff } from '../billing/tariff.ts';
import { openDataFolder } from '../config/data-folder.ts';
import type { ProgramRecord } from '../ledger/ledger.ts';
import * as programs from '../ledger/programs.ts';
import { existingLedger } from './data.ts';
import { CommonOptions, readOptions, withData, withJson } from './options.ts';
import { faint, note, print, printJson, strong } from './output.ts';
import { publishPath } from './stream-address.ts';
import { type Column, tableLines } from './table.ts';
import { counted, printable } from './text.ts';

/** `tollcast program …`: what is sold. Each change is noticed by a running relay at once. */
export function addProgram(parent: Command): void {
  const group = withJson(withData(parent.command('program').description('add, list, remove and rekey programs')));
  group
    .command('add <name>')
    .description('add a program, and print its stream key, which is not kept')
    .requiredOption('--title <title>', 'what viewers see')
    .requiredOption('--price <decimal>', 'price of a minute, such as 0.60')
    .requiredOption('--currency <code>', 'ISO 4217, such as EUR')
    .option('--increment <seconds>', 'billable time is rounded up to a multiple of this', '1')
    .action((name: string, _: unknown, command: Command) => add(name, readOptions(command, AddOptions)));
  group
    .command('list')
    .description('list programs and their tariffs')
    .action((_: unknown, command: Command) => list(readOptions(command, CommonOptions)));
  group
    .command('remove <name>')
    .description('remove a program; ends its broadcast, and what was billed stays')
    .action((name: string, _: unknown, command: Command) => remove(name, readOptions(command, CommonOptions)));
  group
    .command('rekey <name>')
    .description('give a program a new stream key; the old one is void')
    .action((name: string, _: unknown, command: Command) => rekey(name, readOptions(command, CommonOptions)));
}

const AddOptions = CommonOptions.extend({
  title: z.string(),
  price: z.string(),
  currency: z.string(),
  increment: z.string(),
});

type Common = z.infer<typeof CommonOptions>;

function add(name: string, { data, json, title, ...price }: z.infer<typeof AddOptions>): void {
  const tariff = parseTariff(price);
  const { streamKey } = programs.addProgram(openDataFolder(data).ledgerFile, { name, title, tariff });
  if (json) {
    printJson({ name, title, tariff, streamKey, publishPath: publishPath(name, streamKey) });
  } else {
    print(`${strong(name)}: ${printable(title)}, ${tariffText(tariff)}`);
    printStreamKey(name, streamKey);
  }
}

function list({ data, json }: Common): void {
  const found = programs.listPrograms(existingLedger(data));
  if (json) printJson(found.map(({ name, title, tariff }) => ({ name, title, tariff })));
  else if (found.length === 0) note('There is no program yet: add one with tollcast program add');
  else for (const page of tableLines(COLUMNS, found.map(row))) process.stdout.write(page);
}

function remove(name: string, { data, json }: Common): void {
  programs.removeProgram(existingLedger(data), name);
  if (json) printJson({ name, removed: true });
  else print(`${strong(name)} is removed; what was billed for it stays.`);
}

function rekey(name: string, { data, json }: Common): void {
  const { streamKey } = programs.rekeyProgram(existingLedger(data), name);
  if (json) {
    printJson({ name, streamKey, publishPath: publishPath(name, streamKey) });
  } else {
    print(`${strong(name)} has a new stream key; the one before is void.`);
    printStreamKey(name, streamKey);
  }
}

function printStreamKey(name: string, streamKey: string): void {
  const path = publishPath(name, streamKey);
  print(`  Stream key  ${streamKey}  ${faint('(shown this once: only its hash is kept)')}`);
  print(`  RTMP URL    rtmp://HOST/live/${path}`);
  print(`  OBS         server rtmp://HOST/live, stream key ${path}`);
}

const COLUMNS: readonly Column[] = [
  { title: 'name' },
  { title: 'title' },
  { title: 'price a minute', align: 'right' },
  { title: 'increment', align: 'right' },
];

const row = ({ name, title, tariff }: ProgramRecord): readonly string[] => [
  name,
  title,
  `${tariff.pricePerMinute} ${tariff.currency}`,
  `${tariff.incrementSeconds} s`,
];

const tariffText = ({ pricePerMinute, currency, incrementSeconds }: Tariff): string =>
  `${pricePerMinute} ${currency} a minute, in steps of ${counted(incrementSeconds, 'second')}`;
