import type Database from 'better-sqlite3';
import type { Clock } from '../clock.ts';
import { appendNow } from './chain-writer.ts';
import type { Entry } from './entry.ts';
import { finishReplacement } from './replace.ts';

/** What a start found left over from processes that died. */
export interface Recovered {
  /** Viewings that had no end, ended as `interrupted` now. */
  readonly viewings: number;
  /** Broadcasts that had no end, ended now. */
  readonly broadcasts: number;
  /** Where a restore was broken off at its last step, and is finished now: how the ledger is called that it replaced. */
  readonly replaced?: string;
}

export interface RecoveryOptions {
  readonly file: string;
  readonly clock: Clock;
  /** Of this program, for the boot entry. */
  readonly version: string;
}

/**
 * Begins a boot in the ledger and ends what an earlier one left open (DESIGN.md, section 4, `interrupted`; section 5, rule 6).
 * Before anything else at start, and only by the holder of the data folder's lock: then no earlier boot is alive.
 *
 * It is one transaction, and what it ends it finds by the entries alone: whoever dies in it leaves nothing half done, and doing
 * it again ends nothing twice.
 *
 * @throws TollcastError `data-unwritable`, `data-full`, `ledger-corrupt`, `ledger-newer`, `ledger-busy`
 */
export function recover({ file, clock, version }: RecoveryOptions): Recovered {
  const replaced = finishReplacement(file);
  const entered = appendNow(file, clock, (db) => [
    { kind: 'boot', version, wallAnchorMs: clock.wallAnchorMs },
    ...endsOfViewings(db),
    ...endsOfBroadcasts(db),
  ]);
  const count = (kind: Entry['kind']): number => entered.filter(({ entry }) => entry.kind === kind).length;
  return { viewings: count('viewing-ended'), broadcasts: count('broadcast-ended'), ...(replaced && { replaced }) };
}

interface OpenViewing {
  viewing: string;
  consentedMs: number;
  startedMs: number | null;
  /** Its boot's last sign of life. */
  lastMs: number;
  /** The end of its last confirmed epoch, if any. */
  confirmedMs: number | null;
}

function endsOfViewings(db: Database.Database): Entry[] {
  const open = db.prepare<[], OpenViewing>(
    `SELECT v.viewing, v.consented_ms AS consentedMs, v.started_ms AS startedMs, boot.last_ms AS lastMs,
            (SELECT max(c.to_ms) FROM confirmed c WHERE c.viewing = v.id AND c.from_ms < c.to_ms) AS confirmedMs
       FROM viewing v JOIN boot ON boot.id = v.boot
      WHERE v.ended_ms IS NULL ORDER BY v.id`,
  );
  return open.all().map((row) => ({ kind: 'viewing-ended', viewing: row.viewing, reason: 'interrupted', atMs: endOf(row) }));
}

function endOf({ consentedMs, startedMs, lastMs, confirmedMs }: OpenViewing): number {
  if (startedMs === null) return consentedMs;
  return Math.max(startedMs, Math.min(lastMs, confirmedMs ?? startedMs));
}

function endsOfBroadcasts(db: Database.Database): Entry[] {
  const open = db.prepare<[], { program: string; broadcast: string; lastMs: number }>(
    `SELECT b.program, b.broadcast, boot.last_ms AS lastMs
       FROM broadcast b JOIN boot ON boot.id = b.boot
      WHERE b.ended_ms IS NULL ORDER BY b.id`,
  );
  return open.all().map(({ program, broadcast, lastMs }) => ({
    kind: 'broadcast-ended',
    program,
    broadcast,
    atMs: lastMs,
    reason: 'interrupted',
  }));
}
