import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, TollcastError } from '../errors.ts';
import { refuseHalfRestored } from '../ledger/half-restored.ts';
import { TokenSecrets } from './token-secrets.ts';

/** Where everything lies that outlives the process: the ledger, and the secrets that sign tokens. */
export interface DataFolder {
  readonly folder: string;
  readonly ledgerFile: string;
  readonly tokenSecrets: TokenSecrets;
  /** The one that signed when the folder was opened. 32 bytes. */
  readonly tokenSecret: Uint8Array;
}

/**
 * Opens a data folder; the first time, makes it and its secret.
 * @throws TollcastError `data-unwritable`, `secret-invalid`
 */
export function openDataFolder(folder: string): DataFolder {
  try {
    // Below /proc, a recursive mkdir of Node never returns; where the parent is there, none is needed.
    if (!existsSync(folder)) mkdirSync(folder, { recursive: !existsSync(dirname(folder)), mode: 0o700 });
    accessSync(folder, constants.W_OK | constants.X_OK);
    const tokenSecrets = new TokenSecrets(folder);
    return { folder, ledgerFile: join(folder, 'ledger.db'), tokenSecrets, tokenSecret: tokenSecrets.current.secret };
  } catch (error) {
    if (error instanceof TollcastError) throw error;
    throw new TollcastError('data-unwritable', `the data folder ${folder} cannot be used: ${messageOf(error)}`);
  }
}

/** @throws TollcastError `data-missing` where no relay and no program was ever set up; `ledger-half-restored` */
export function openExistingDataFolder(folder: string): DataFolder {
  refuseHalfRestored(join(folder, 'ledger.db'));
  if (existsSync(join(folder, 'ledger.db'))) return openDataFolder(folder);
  throw new TollcastError('data-missing', `there is no ledger in ${folder}: name the relay's folder with --data`);
}
