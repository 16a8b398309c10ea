import { existsSync, realpathSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { TollcastError } from '../errors.ts';
import { type CopyOptions, copyLedger, removeCopy, syncFolderOf } from './copy.ts';
import { PARTS } from './database.ts';
import { lockFile } from './lock.ts';
import { storageError } from './storage-error.ts';
import { type Fault, type Verified, type VerifyOptions, verifyLedger } from './verify.ts';

export interface BackupOptions extends Pick<CopyOptions, 'signal'> {
  /** Replaces a file that is there. */
  readonly force?: boolean;
  readonly onCopied?: CopyOptions['onProgress'];
  readonly onVerified?: VerifyOptions['onProgress'];
}

/**
 * Copies a ledger into `to`, beside a running relay, verifies the copy, and only then gives it its name: what has that name is whole.
 * Nothing is there where the copy is faulty, as the ledger then is.
 *
 * @throws TollcastError `backup-exists`, `backup-misplaced`, and those of `copyLedger` and `verifyLedger`
 */
export async function backUp(ledger: string, to: string, options: BackupOptions = {}): Promise<Verified | Fault> {
  const { force = false, signal, onCopied, onVerified } = options;
  const target = targetOf(ledger, to, force);
  const partial = join(dirname(target), `.${basename(target)}.partial`);
  await copyLedger(ledger, partial, { ...(signal && { signal }), ...(onCopied && { onProgress: onCopied }) });
  try {
    const result = verifyLedger(partial, onVerified && { onProgress: onVerified });
    if (!result.ok) return result;
    renameSync(partial, target);
    syncFolderOf(target);
    return result;
  } catch (error) {
    throw storageError(error, target);
  } finally {
    removeCopy(partial);
  }
}

function targetOf(ledger: string, to: string, force: boolean): string {
  const named = dirname(resolve(to));
  if (!existsSync(named)) throw new TollcastError('backup-misplaced', `there is no folder ${named}: make it first`);
  // Links, of the file as of the ledger, lead to what would be replaced.
  const target = existsSync(to) ? realpathSync(to) : join(realpathSync(named), basename(to));
  const folder = dirname(target);
  if (folder === realpathSync(dirname(ledger)) || target === realpathSync(ledger))
    throw new TollcastError(
      'backup-misplaced',
      `${to} is in the data folder itself, and would be lost with it: name another folder`,
    );
  if (existsSync(lockFile(folder)) || PARTS.some((part) => part !== '' && existsSync(`${target}${part}`)))
    throw new TollcastError(
      'backup-misplaced',
      `${folder} is the data folder of a server, whose ledger a backup must not replace: name another folder, or restore the backup there`,
    );
  const there = statSync(to, { throwIfNoEntry: false });
  if (there === undefined) return target;
  if (!there.isFile()) throw new TollcastError('backup-misplaced', `${to} is no file: name a file for the backup`);
  if (!force) throw new TollcastError('backup-exists', `${to} is there already: name another file, or replace it with --force`);
  return target;
}
