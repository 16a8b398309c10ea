import type Database from 'better-sqlite3';
import { type Clock, systemClock } from '../clock.ts';
import { TollcastError } from '../errors.ts';
import { newSecret, secretHash } from '../keys/secret-proof.ts';
import { MAX_PROGRAMS } from '../protocol/encryptor-messages.ts';
import { appendNow } from './chain-writer.ts';
import type { EncryptorRecord } from './ledger.ts';
import { openReader } from './reader.ts';

/** Credentials of encryptors elsewhere as the command line manages them, beside a running authority (see programs.ts). */

const NAME = /^[a-z0-9][a-z0-9-_]{0,63}$/;

/** The one time that a secret is shown: the ledger keeps its hash only. */
export interface IssuedSecret {
  /** 43 characters, base64url of 256 random bits. */
  readonly secret: string;
}

/**
 * Lets an encryptor ask for the keys of these programs. A name that was revoked may be added again, with another secret.
 *
 * @throws TollcastError `encryptor-name`, `encryptor-programs`, `encryptor-exists`, `program-unknown`, and those of `appendNow`
 */
export function addEncryptor(
  file: string,
  { name, programs }: { readonly name: string; readonly programs: readonly string[] },
  clock: Clock = systemClock(),
): IssuedSecret {
  if (!NAME.test(name)) {
    throw new TollcastError(
      'encryptor-name',
      `"${name}" cannot name an encryptor: use 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit`,
    );
  }
  const named = [...new Set(programs)];
  if (named.length === 0 || named.length > MAX_PROGRAMS)
    throw new TollcastError('encryptor-programs', `an encryptor is for 1 to ${MAX_PROGRAMS} programs`);
  const secret = newSecret();
  const make = (db: Database.Database) => {
    const unknown = named.find((program) => !has(db, 'program', program));
    if (unknown !== undefined) throw new TollcastError('program-unknown', `there is no program "${unknown}": see program list`);
    if (has(db, 'encryptor', name))
      throw new TollcastError('encryptor-exists', `encryptor "${name}" has a credential already: revoke that first`);
    return [{ kind: 'encryptor-added', encryptor: name, programs: named, secretHash: secretHash(secret) } as const];
  };
  appendNow(file, clock, make, { mustExist: true });
  return { secret };
}

/** Voids an encryptor's secret; a running authority closes its socket. @throws TollcastError `encryptor-unknown`, and those of `appendNow` */
export function revokeEncryptor(file: string, name: string, clock: Clock = systemClock()): void {
  const make = (db: Database.Database) => {
    if (!has(db, 'encryptor', name))
      throw new TollcastError('encryptor-unknown', `there is no encryptor "${name}": see credentials encryptor list`);
    return [{ kind: 'encryptor-revoked', encryptor: name } as const];
  };
  appendNow(file, clock, make, { mustExist: true });
}

/** The encryptors that may ask for keys, by name. @throws TollcastError those of `openReader` */
export function listEncryptors(file: string): EncryptorRecord[] {
  const reader = openReader(file);
  try {
    return reader.encryptors();
  } finally {
    reader.close();
  }
}

const has = (db: Database.Database, table: 'program' | 'encryptor', name: string): boolean =>
  db.prepare(`SELECT 1 FROM ${table} WHERE name = ?`).get(name) !== undefined;
