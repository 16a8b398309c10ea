import type Database from 'better-sqlite3';
import { TollcastError } from '../errors.ts';
import { CREATE_ENTRIES } from './entries.ts';
import { CREATE_PROJECTIONS, CREATE_TOKEN_INDEX, PROJECTIONS } from './projection-tables.ts';
import { rebuild } from './projections.ts';

/** "Toll": tells a ledger from any other SQLite file (PRAGMA application_id). */
export const APPLICATION_ID = 0x546f6c6c;

/**
 * From version n to n + 1, in order; forward only, and a step is never changed once it was released. A step that changes the
 * tables or views of the projections drops them, creates them anew and ends with `rebuild`; an index is simply created.
 */
export type Migration = (db: Database.Database) => void;

export const MIGRATIONS: readonly Migration[] = [
  (db) => {
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.exec(CREATE_ENTRIES);
    db.exec(CREATE_PROJECTIONS);
  },
  // Encryptors elsewhere, and what a broadcast is charged as.
  (db) => {
    db.exec('DROP VIEW confirmed');
    for (const { table } of PROJECTIONS) db.exec(`DROP TABLE IF EXISTS ${table}`);
    db.exec(CREATE_PROJECTIONS);
    rebuild(db);
  },
  // A new ledger has it from the first step on.
  (db) => {
    db.exec(CREATE_TOKEN_INDEX);
  },
  // Served time that goes on is one row.
  rebuild,
];

/** The version of a ledger's schema: how many migrations it has seen. */
export function schemaVersion(db: Database.Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/**
 * Brings a ledger to the newest version, each step in a transaction of its own that other processes wait for.
 *
 * @throws TollcastError `ledger-newer` when a newer Tollcast wrote it
 */
export function migrate(db: Database.Database, file: string, steps: readonly Migration[] = MIGRATIONS): void {
  refuseNewer(db, file, steps.length);
  const step = db.transaction(() => {
    // Read inside the transaction: another process may have been faster.
    const version = schemaVersion(db);
    const migration = steps[version];
    if (migration === undefined) return false;
    migration(db);
    db.pragma(`user_version = ${version + 1}`);
    return true;
  });
  while (schemaVersion(db) < steps.length) step.immediate();
}

export function refuseNewer(db: Database.Database, file: string, newest: number = MIGRATIONS.length): void {
  const version = schemaVersion(db);
  if (version <= newest) return;
  throw new TollcastError(
    'ledger-newer',
    `${file} was written by a newer Tollcast (schema ${version}, this one knows up to ${newest}): run the newer version`,
  );
}
