import { type Command, Option } from 'commander';
import { z } from 'zod';
import type { Charge } from '../billing/charge.ts';
import { EXPORT_FORMATS, exportCharges } from '../billing/export.ts';
import { parsePeriod } from '../billing/period.ts';
import { charges } from '../billing/statement.ts';
import { TollcastError } from '../errors.ts';
import { writeWhole } from './atomic-file.ts';
import { demandProgram, readingLedger } from './data.ts';
import { onInterruption } from './interruption.ts';
import { CommonOptions, readOptions, withData, withJson } from './options.ts';
import { note, whileReaderStays } from './output.ts';
import { ProgressLine } from './progress-line.ts';
import { counted } from './text.ts';

/** `tollcast bills …`, beside a running relay or without one. */
export function addBills(parent: Command): void {
  const group = withJson(withData(parent.command('bills').description('export what is owed')));
  group
    .command('export')
    .description('export charges: what each viewer owes for each broadcast')
    .addOption(new Option('--format <format>', 'csv unless --json is given').choices(EXPORT_FORMATS))
    .option('--from <date>', 'charges that started then or later: 2026-01-31, or 2026-01-31T18:00Z (UTC)')
    .option('--to <date>', 'charges that started before then')
    .option('--viewer <id>', 'of this viewer only')
    .option('--program <name>', 'for this program only')
    .option('--out <file>', 'write this file, whole or not at all, instead of stdout')
    .action((_: unknown, command: Command) => exportBills(readOptions(command, ExportOptions)));
}

const ExportOptions = CommonOptions.extend({
  format: z.enum(EXPORT_FORMATS).optional(),
  from: z.string().optional(),
  to: z.string().optional(),
  viewer: z.string().optional(),
  program: z.string().optional(),
  out: z.string().min(1, 'names no file').optional(),
});

async function exportBills(options: z.infer<typeof ExportOptions>): Promise<void> {
  const { data, program, viewer, out } = options;
  const format = formatOf(options);
  const period = parsePeriod(options.from, options.to);
  await readingLedger(data, async (reader) => {
    if (program !== undefined) demandProgram(reader, program);
    const viewings = reader.viewings({
      ...(program === undefined ? {} : { program }),
      ...(viewer === undefined ? {} : { viewer }),
    });
    const toTerminal = out === undefined && process.stdout.isTTY;
    const progress = new Exported(toTerminal ? undefined : new ProgressLine());
    const found = progress.watch(charges(viewings, period));
    if (out === undefined) await whileReaderStays(exportCharges(found, format, process.stdout));
    else await toFile(out, (target) => exportCharges(found, format, target));
    progress.clear();
    if (out !== undefined && process.stderr.isTTY) note(`${counted(progress.count, 'charge')} in ${out}`);
  });
}

function formatOf({ format, json }: z.infer<typeof ExportOptions>): (typeof EXPORT_FORMATS)[number] {
  if (!json) return format ?? 'csv';
  if (format === undefined || format === 'json') return 'json';
  throw new TollcastError('usage', `--json and --format ${format} contradict each other: give one of them`);
}

/** A file that was begun is removed when the command is told to end. */
async function toFile(file: string, fill: Parameters<typeof writeWhole>[2]): Promise<void> {
  const interrupted = new AbortController();
  const restore = onInterruption(() => interrupted.abort());
  try {
    await writeWhole(file, interrupted.signal, fill);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    throw new TollcastError('interrupted', `interrupted: ${file} was not written`);
  } finally {
    restore();
  }
}

/** Counts what passes. */
class Exported {
  readonly #line: ProgressLine | undefined;
  count = 0;

  constructor(line: ProgressLine | undefined) {
    this.#line = line;
  }

  *watch(passing: Iterable<Charge>): Generator<Charge> {
    for (const charge of passing) {
      this.count++;
      this.#line?.show(() => `${counted(this.count, 'charge')} …`);
      yield charge;
    }
  }

  clear(): void {
    this.#line?.clear();
  }
}
