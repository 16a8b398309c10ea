import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { TollcastError } from '../errors.ts';
import { backUp } from '../ledger/backup.ts';
import { restore } from '../ledger/restore.ts';
import { existingLedger } from './data.ts';
import { onInterruption } from './interruption.ts';
import { headText, notWhole } from './ledger-fault.ts';
import { CommonOptions, readOptions } from './options.ts';
import { note, print, printJson } from './output.ts';
import { ProgressLine } from './progress-line.ts';
import { counted } from './text.ts';

/** `tollcast ledger backup FILE`, beside a running relay or without one. */
export function addBackup(group: Command): void {
  group
    .command('backup <file>')
    .description('copy the ledger into a file, verify the copy, and print its head')
    .option('--force', 'replace a file that is there')
    .addHelpText(
      'after',
      `\nWorks beside a running relay and does not hold it up. The file is there once it is verified, and not before.
Not in it: token.secret and token.retired.* of the data folder, configurations, TLS keys and seeds. Keep copies of these apart.`,
    )
    .action((file: string, _: unknown, command: Command) => backup(file, readOptions(command, Options)));
}

/** `tollcast ledger restore FILE`, where nothing runs. */
export function addRestore(group: Command): void {
  group
    .command('restore <file>')
    .description('make a backup the ledger of a data folder in which nothing runs')
    .option('--force', 'where there is a ledger already: put it aside, as ledger.db.replaced-…')
    .addHelpText(
      'after',
      `\nThe backup is verified first, and stays as it is. What was ledgered after it is gone: viewings and bills, programs, stream keys;
and encryptors' secrets that were revoked since are good again. Epoch numbers go on far beyond the last one, so that none is used twice.`,
    )
    .action((file: string, _: unknown, command: Command) => restoreFrom(file, readOptions(command, Options)));
}

const Options = CommonOptions.extend({ force: z.boolean().default(false) });
type Options = z.infer<typeof Options>;

async function backup(file: string, { data, json, force }: Options): Promise<void> {
  const ledger = existingLedger(data);
  const progress = new ProgressLine();
  const result = await interruptible(`${file} was not written`, (signal, unstoppable) =>
    backUp(ledger, file, {
      force,
      signal,
      onCopied: (done, total) => progress.show(() => `copied ${done.toLocaleString('en')} of ${counted(total, 'page')} …`),
      onVerified: (done, total) => {
        unstoppable();
        progress.show(() => `verified ${done.toLocaleString('en')} of ${counted(total, 'entry', 'entries')} …`);
      },
    }),
  );
  progress.clear();
  if (!result.ok) throw notWhole(`${file} was not written: the ledger of ${data}`, result);
  const { entries, head } = result;
  if (json) return printJson({ file, entries, head });
  print(`${file} is a whole copy of the ledger: ${counted(entries, 'entry', 'entries')}, head ${headText(head)}`);
  note(`Not in it: ${join(data, 'token.secret')}. Keep a copy of that too; it changes with tollcast token rotate only.`);
}

async function restoreFrom(file: string, { data, json, force }: Options): Promise<void> {
  if (!existsSync(file)) throw new TollcastError('backup-missing', `there is no file ${file}: name a backup`);
  const progress = new ProgressLine();
  const result = await interruptible('nothing was restored', (signal) =>
    restore(file, data, {
      force,
      signal,
      onCopied: (done, total) => progress.show(() => `copied ${done.toLocaleString('en')} of ${counted(total, 'page')} …`),
    }),
  );
  progress.clear();
  if (!result.ok) throw notWhole(`nothing was restored: ${file}`, result);
  const { backup, head, keptAs } = result;
  if (json) return printJson({ file, backup, head, keptAs: keptAs ?? null });
  print(`The ledger of ${data} is that of ${file} up to ${headText(backup)}; its head is ${headText(head)}`);
  if (keptAs !== undefined) note(`The ledger before it is ${keptAs}.`);
  if (!existsSync(join(data, 'token.secret')))
    note(
      `There is no token.secret in ${data}: put back a copy before the start, or all tokens are void and new ones have to be signed.`,
    );
}

/** Until `unstoppable` is called, a signal to end is obeyed in order; from then on it ends the process at once. */
async function interruptible<T>(undone: string, run: (signal: AbortSignal, unstoppable: () => void) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const restoreSignals = onInterruption(() => interrupted.abort());
  try {
    return await run(interrupted.signal, restoreSignals);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    throw new TollcastError('interrupted', `interrupted: ${undone}`);
  } finally {
    restoreSignals();
  }
}
