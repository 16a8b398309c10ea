import { existsSync } from 'node:fs';
import { TollcastError } from '../errors.ts';
import { ledgerFile } from '../ledger/database.ts';
import { refuseHalfRestored } from '../ledger/half-restored.ts';
import type { LedgerReader } from '../ledger/ledger.ts';
import { openReader } from '../ledger/reader.ts';

/**
 * The ledger of a data folder, for commands that read it and must not make anything.
 * @throws TollcastError `data-missing`, `ledger-half-restored`
 */
export function existingLedger(folder: string): string {
  const file = ledgerFile(folder);
  refuseHalfRestored(file);
  if (existsSync(file)) return file;
  throw new TollcastError('data-missing', `there is no ledger in ${folder}: name the relay's folder with --data`);
}

/** Has `read` read the ledger of a data folder, beside a running relay or without one. */
export async function readingLedger<T>(folder: string, read: (reader: LedgerReader) => Promise<T> | T): Promise<T> {
  const reader = openReader(existingLedger(folder));
  try {
    return await read(reader);
  } finally {
    reader.close();
  }
}

/**
 * A name that was mistyped must not look like a program that nobody watched. One that was removed is still known by its viewings.
 * @throws TollcastError `program-unknown`
 */
export function demandProgram(reader: LedgerReader, name: string): void {
  if (reader.programs().some((program) => program.name === name)) return;
  const viewings = reader.viewings({ program: name });
  const watched = viewings.next().done !== true;
  viewings.return?.();
  if (!watched) throw new TollcastError('program-unknown', `there is no program "${name}": see tollcast program list`);
}
