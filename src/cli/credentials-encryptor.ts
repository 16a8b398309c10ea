import type { Command } from 'commander';
import { z } from 'zod';
import * as encryptors from '../ledger/encryptors.ts';
import type { EncryptorRecord } from '../ledger/ledger.ts';
import { existingLedger } from './data.ts';
import { CommonOptions, collect, readOptions, withData, withJson } from './options.ts';
import { faint, note, print, printJson, strong } from './output.ts';
import { type Column, tableLines } from './table.ts';

/** `tollcast credentials encryptor …`: who may ask for keys. Each change is noticed by a running authority at once. */
export function addEncryptorCredentials(parent: Command): void {
  const group = withJson(withData(parent.command('encryptor').description('add, list and revoke encryptors on other hosts')));
  group
    .command('add <name>')
    .description('let an encryptor ask for the keys of programs, and print its secret, which is not kept')
    .requiredOption('--program <name>', 'what it may broadcast; may be given several times', collect)
    .action((name: string, _: unknown, command: Command) => add(name, readOptions(command, AddOptions)));
  group
    .command('list')
    .description('list encryptors and what they may broadcast')
    .action((_: unknown, command: Command) => list(readOptions(command, CommonOptions)));
  group
    .command('revoke <name>')
    .description('void the secret of an encryptor; a running authority cuts it off')
    .action((name: string, _: unknown, command: Command) => revoke(name, readOptions(command, CommonOptions)));
}

const AddOptions = CommonOptions.extend({ program: z.array(z.string()) });

type Common = z.infer<typeof CommonOptions>;

function add(name: string, { data, json, program: programs }: z.infer<typeof AddOptions>): void {
  const { secret } = encryptors.addEncryptor(existingLedger(data), { name, programs });
  if (json) {
    printJson({ name, programs, secret });
  } else {
    print(`${strong(name)} may broadcast ${programs.join(', ')}`);
    print(`  Secret  ${secret}  ${faint('(shown this once: only its hash is kept)')}`);
    print(`  Put it into the file that authority.secretFile of the encryptor's configuration names, and nowhere else.`);
  }
}

function list({ data, json }: Common): void {
  const found = encryptors.listEncryptors(existingLedger(data));
  if (json) printJson(found.map(({ name, programs }) => ({ name, programs })));
  else if (found.length === 0) note('There is no encryptor on another host: add one with tollcast credentials encryptor add');
  else for (const page of tableLines(COLUMNS, found.map(row))) process.stdout.write(page);
}

function revoke(name: string, { data, json }: Common): void {
  encryptors.revokeEncryptor(existingLedger(data), name);
  if (json) printJson({ name, revoked: true });
  else print(`${strong(name)} is revoked: it gets no further key.`);
}

const COLUMNS: readonly Column[] = [{ title: 'name' }, { title: 'programs' }];

const row = ({ name, programs }: EncryptorRecord): readonly string[] => [name, programs.join(', ')];
