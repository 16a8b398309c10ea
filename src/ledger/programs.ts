import { randomBytes } from 'node:crypto';
import type Database from 'better-sqlite3';
import type { Tariff } from '../billing/tariff.ts';
import { type Clock, systemClock } from '../clock.ts';
import { TollcastError } from '../errors.ts';
import { streamKeyHash } from '../keys/stream-key.ts';
import { appendNow } from './chain-writer.ts';
import type { Entry } from './entry.ts';
import type { ProgramRecord } from './ledger.ts';
import { openReader } from './reader.ts';

/**
 * Programs as the command line manages them, beside a running relay: each change is an entry, and is checked in the transaction
 * that appends it, so that of two at once the second sees the first. A clock handed in must not be the relay's own.
 */

const NAME = /^[a-z0-9][a-z0-9-_]{0,63}$/;
const MAX_TITLE_CHARS = 200;
const STREAM_KEY_BYTES = 32;

export interface NewProgram {
  readonly name: string;
  readonly title: string;
  readonly tariff: Tariff;
}

/** The one time that a stream key is shown: the ledger keeps its hash only. */
export interface IssuedStreamKey {
  /** 43 characters, base64url of 256 random bits. */
  readonly streamKey: string;
}

/**
 * Adds a program, creating the ledger if there is none. A name that was removed may be added again; its epoch numbers go on.
 *
 * @throws TollcastError `program-name`, `program-title`, `program-exists`, and those of `appendNow`
 */
export function addProgram(file: string, { name, title, tariff }: NewProgram, clock: Clock = systemClock()): IssuedStreamKey {
  if (!NAME.test(name)) {
    throw new TollcastError(
      'program-name',
      `"${name}" cannot name a program: use 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit`,
    );
  }
  if (title.trim() === '' || title.length > MAX_TITLE_CHARS) {
    throw new TollcastError('program-title', `a title has 1 to ${MAX_TITLE_CHARS} characters`);
  }
  const streamKey = newStreamKey();
  appendNow(file, clock, (db) => {
    if (exists(db, name))
      throw new TollcastError('program-exists', `program "${name}" exists: remove it first, or use program rekey`);
    return [{ kind: 'program-added', program: name, title, tariff, streamKeyHash: streamKeyHash(streamKey) }];
  });
  return { streamKey };
}

/** Gives a program a new stream key; the one before is void. @throws TollcastError `program-unknown`, and those of `appendNow` */
export function rekeyProgram(file: string, name: string, clock: Clock = systemClock()): IssuedStreamKey {
  const streamKey = newStreamKey();
  appendToExisting(file, name, clock, { kind: 'program-rekeyed', program: name, streamKeyHash: streamKeyHash(streamKey) });
  return { streamKey };
}

/** Removes a program; what was billed for it stays. @throws TollcastError `program-unknown`, and those of `appendNow` */
export function removeProgram(file: string, name: string, clock: Clock = systemClock()): void {
  appendToExisting(file, name, clock, { kind: 'program-removed', program: name });
}

/** The programs there are, by name. @throws TollcastError those of `openReader` */
export function listPrograms(file: string): ProgramRecord[] {
  const reader = openReader(file);
  try {
    return reader.programs();
  } finally {
    reader.close();
  }
}

const newStreamKey = (): string => randomBytes(STREAM_KEY_BYTES).toString('base64url');

const exists = (db: Database.Database, name: string): boolean =>
  db.prepare('SELECT 1 FROM program WHERE name = ?').get(name) !== undefined;

function appendToExisting(file: string, name: string, clock: Clock, entry: Entry): void {
  const make = (db: Database.Database): readonly Entry[] => {
    if (!exists(db, name)) throw new TollcastError('program-unknown', `there is no program "${name}": see program list`);
    return [entry];
  };
  appendNow(file, clock, make, { mustExist: true });
}
