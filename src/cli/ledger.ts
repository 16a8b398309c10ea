import type { Command } from 'commander';
import { z } from 'zod';
import { type NotedHead, verifyLedger } from '../ledger/verify.ts';
import { existingLedger } from './data.ts';
import { ExitCode } from './exit-code.ts';
import { addBackup, addRestore } from './ledger-backup.ts';
import { headText, notWhole } from './ledger-fault.ts';
import { CommonOptions, readOptions, withData, withJson } from './options.ts';
import { print, printJson } from './output.ts';
import { ProgressLine } from './progress-line.ts';
import { counted } from './text.ts';

/** `tollcast ledger …` */
export function addLedger(parent: Command): void {
  const group = withJson(
    withData(parent.command('ledger').description('check, back up and restore the ledger that bills are made from')),
  );
  group
    .command('verify')
    .description('recompute the chain of entries and what is derived from it; exit code 1 names the first bad entry')
    .option('--head <seq:hash>', 'a head that was noted before: it must still be in the chain')
    .addHelpText(
      'after',
      '\nNote the head that this prints, somewhere else: given again with --head, it proves that nothing up to it was cut off or made anew.',
    )
    .action((_: unknown, command: Command) => verify(readOptions(command, VerifyOptions)));
  addBackup(group);
  addRestore(group);
}

const Head = z
  .string()
  .regex(/^[1-9]\d{0,14}:[0-9a-f]{64}$/, 'is not a head as ledger verify prints it, 1234:9f86…')
  .transform((text): NotedHead => {
    const [seq = '', hash = ''] = text.split(':');
    return { seq: Number(seq), hash };
  });

const VerifyOptions = CommonOptions.extend({ head: Head.optional() });

function verify({ data, json, head: noted }: z.infer<typeof VerifyOptions>): void {
  const progress = new ProgressLine();
  const result = verifyLedger(existingLedger(data), {
    onProgress: (done, total) => progress.show(() => `${done.toLocaleString('en')} of ${counted(total, 'entry', 'entries')} …`),
    ...(noted === undefined ? {} : { noted }),
  });
  progress.clear();
  if (json) {
    printJson(result);
    if (!result.ok) process.exitCode = ExitCode.failed;
  } else if (result.ok) {
    print(`The ledger is whole: ${counted(result.entries, 'entry', 'entries')}, head ${headText(result.head)}`);
  } else {
    throw notWhole(`the ledger of ${data}`, result);
  }
}
