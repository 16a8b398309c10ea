import { messageOf, systemCode, TollcastError } from '../errors.ts';

/**
 * Whether an error is about where the ledger is kept (the disk is full, another process holds the lock, the file was damaged)
 * and not about what was to be written: then the same write may succeed later.
 */
export const isStorageTrouble = (error: unknown): boolean =>
  /^(SQLITE_(FULL|BUSY|LOCKED|IOERR|CANTOPEN|READONLY|NOMEM|CORRUPT|NOTADB|PERM|PROTOCOL|AUTH|INTERRUPT|SCHEMA)|E[A-Z]+$)/.test(
    systemCode(error) ?? '',
  );

/** What went wrong with a file of the data folder, in one line that says what to do. */
export function storageError(error: unknown, file: string): TollcastError {
  if (error instanceof TollcastError) return error;
  const code = systemCode(error) ?? '';
  const because = `(${code || messageOf(error)})`;
  if (/^(SQLITE_(CANTOPEN|READONLY|PERM)|EACCES|EPERM|EROFS|ENOTDIR|ENOENT|EEXIST|EISDIR)/.test(code)) {
    return new TollcastError(
      'data-unwritable',
      `cannot write ${file} ${because}: choose a folder that this user may write, with --data`,
      {
        cause: error,
      },
    );
  }
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) {
    // SQLite calls it corrupt, too, when the system fails to read it (EIO).
    return new TollcastError(
      'ledger-corrupt',
      `${file} is damaged or not a ledger, or its disk cannot be read ${because}: check the disk, then restore it from a backup`,
      { cause: error },
    );
  }
  if (/^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code)) {
    return new TollcastError('data-full', `no space left for ${file} ${because}: free some`, { cause: error });
  }
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    return new TollcastError('ledger-busy', `another process is holding ${file} ${because}: wait for it, or end it`, {
      cause: error,
    });
  }
  if (/^(SQLITE_IOERR|EIO)/.test(code)) {
    return new TollcastError(
      'disk-failing',
      `${file} cannot be read or written ${because}: the disk fails or has become read-only, the system's log says more`,
      { cause: error },
    );
  }
  return new TollcastError('ledger-failed', `${file}: ${messageOf(error)} ${because}`, { cause: error });
}
