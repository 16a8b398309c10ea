import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, systemCode, TollcastError } from '../errors.ts';

/** Where everything lies that outlives the process: the ledger, and the secret that signs tokens. */
export interface DataFolder {
  readonly folder: string;
  readonly ledgerFile: string;
  /** 32 bytes. */
  readonly tokenSecret: Uint8Array;
}

const SECRET_BYTES = 32;

/**
 * Opens a data folder; the first time, makes it and its secret.
 * @throws TollcastError `data-unwritable`, `secret-invalid`
 */
export function openDataFolder(folder: string): DataFolder {
  try {
    // Below /proc, a recursive mkdir of Node never returns; where the parent is there, none is needed.
    if (!existsSync(folder)) mkdirSync(folder, { recursive: !existsSync(dirname(folder)), mode: 0o700 });
    accessSync(folder, constants.W_OK | constants.X_OK);
    return { folder, ledgerFile: join(folder, 'ledger.db'), tokenSecret: tokenSecret(join(folder, 'token.secret')) };
  } catch (error) {
    if (error instanceof TollcastError) throw error;
    throw new TollcastError('data-unwritable', `the data folder ${folder} cannot be used: ${messageOf(error)}`);
  }
}

/** @throws TollcastError `data-missing` where no relay and no program was ever set up */
export function openExistingDataFolder(folder: string): DataFolder {
  if (existsSync(join(folder, 'ledger.db'))) return openDataFolder(folder);
  throw new TollcastError('data-missing', `there is no ledger in ${folder}: name the relay's folder with --data`);
}

function tokenSecret(file: string): Uint8Array {
  if (!existsSync(file)) makeSecret(file);
  const secret = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64url');
  if (secret.length === SECRET_BYTES) return new Uint8Array(secret);
  throw new TollcastError(
    'secret-invalid',
    `${file} does not hold a secret of ${SECRET_BYTES} bytes: restore it, or remove it to void every token`,
  );
}

/**
 * Written under a name of its own, synced, then linked into place: it is there whole or not at all, whenever the process dies,
 * and of two commands that start at once the later one finds the other's and leaves it.
 */
function makeSecret(file: string): void {
  const draft = `${file}.${process.pid}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(draft, `${randomBytes(SECRET_BYTES).toString('base64url')}\n`, { flag: 'wx', mode: 0o600, flush: true });
    linkSync(draft, file);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
