import type { Command } from 'commander';
import { z } from 'zod';
import { chargeOf, runningCharge } from '../billing/charge.ts';
import type { ViewingRecord } from '../billing/viewing-record.ts';
import { demandProgram, readingLedger } from './data.ts';
import { CommonOptions, readOptions, withData, withJson } from './options.ts';
import { note, printAll } from './output.ts';
import { type Column, tableLines } from './table.ts';
import { instantText, isoTime } from './text.ts';

export function addViewings(parent: Command): void {
  withJson(withData(parent.command('viewings').description('list viewings, past and present')))
    .option('--program <name>', 'of this program only')
    .option('--viewer <id>', 'by this viewer only')
    .addHelpText('after', '\nAn amount here is for the viewing alone; a bill rounds all of a broadcast together.')
    .action((_: unknown, command: Command) => viewings(readOptions(command, Options)));
}

const Options = CommonOptions.extend({ program: z.string().optional(), viewer: z.string().optional() });

async function viewings({ data, json, program, viewer }: z.infer<typeof Options>): Promise<void> {
  await readingLedger(data, async (reader) => {
    if (program !== undefined) demandProgram(reader, program);
    const found = reader.viewings({
      ...(program === undefined ? {} : { program }),
      ...(viewer === undefined ? {} : { viewer }),
    });
    if (json) return printAll(jsonList(found));
    const first = found.next();
    if (first.done === true) return note('There is no such viewing yet.');
    await printAll(tableLines(COLUMNS, rows(first.value, found)));
  });
}

const COLUMNS: readonly Column[] = [
  { title: 'viewer' },
  { title: 'program' },
  { title: 'started' },
  { title: 'ended' },
  { title: 'ended by' },
  { title: 'seconds', align: 'right' },
  { title: 'amount', align: 'right' },
];

function* rows(first: ViewingRecord, rest: Iterable<ViewingRecord>): Generator<readonly string[]> {
  yield row(first);
  for (const record of rest) yield row(record);
}

function row(record: ViewingRecord): readonly string[] {
  const { startedAtMs, endedAtMs, endedBy, billableSeconds, amount } = facts(record);
  return [
    record.viewer,
    record.program,
    startedAtMs === undefined ? '-' : instantText(startedAtMs),
    endedAtMs === undefined ? '-' : instantText(endedAtMs),
    endedBy,
    String(billableSeconds),
    `${amount} ${record.tariff.currency}`,
  ];
}

/** An array, a viewing a line, however many there are. */
function* jsonList(records: Iterable<ViewingRecord>): Generator<string> {
  yield '[';
  let separator = '\n';
  for (const record of records) {
    yield separator + JSON.stringify(viewingJson(record));
    separator = ',\n';
  }
  yield '\n]\n';
}

function viewingJson(record: ViewingRecord) {
  const { startedAtMs, endedAtMs, endedBy, ...cost } = facts(record);
  return {
    viewing: record.viewing,
    viewer: record.viewer,
    program: record.program,
    broadcast: record.broadcast,
    token: record.token,
    consentedAt: isoTime(record.wallAnchorMs + record.consentedMs),
    startedAt: startedAtMs === undefined ? null : isoTime(startedAtMs),
    endedAt: endedAtMs === undefined ? null : isoTime(endedAtMs),
    endedBy,
    ...cost,
    currency: record.tariff.currency,
    pricePerMinute: record.tariff.pricePerMinute,
    incrementSeconds: record.tariff.incrementSeconds,
    receipts: record.receipts,
  };
}

function facts(record: ViewingRecord) {
  const { wallAnchorMs, endedMs, endedBy = 'running' } = record;
  const charge = chargeOf([record]);
  return {
    startedAtMs: charge?.startedAtMs,
    endedAtMs: endedMs === undefined ? undefined : wallAnchorMs + endedMs,
    endedBy,
    billableMs: charge?.billableMs ?? 0,
    billableSeconds: charge?.billableSeconds ?? 0,
    amount: charge?.amount ?? runningCharge(0, record.tariff).amount,
  };
}
