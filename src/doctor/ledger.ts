import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { systemCode, TollcastError } from '../errors.ts';
import { entryHashHex } from '../ledger/chain.ts';
import { ledgerFile, openToRead } from '../ledger/database.ts';
import { pagesAfter } from '../ledger/entries.ts';
import { refuseHalfRestored } from '../ledger/half-restored.ts';
import { type VerifyOptions, verifyLedger } from '../ledger/verify.ts';
import { type Found, ok, problem, warning } from './finding.ts';

/** With `--quick`, entries that are verified at the end of the chain. */
const TAIL_ENTRIES = 1_000;
/** A server writes a sign of life each second. */
const SILENT_MS = 15_000;

export interface LedgerFacts {
  readonly running: boolean;
  /** Wall-clock milliseconds. */
  readonly lastEntryMs?: number;
}

export interface LedgerOptions extends Pick<VerifyOptions, 'onProgress'> {
  readonly quick: boolean;
  readonly facts: LedgerFacts;
}

/** What is known of a folder's ledger without looking through it. @throws TollcastError as `openToRead` */
export function ledgerFacts(folder: string): LedgerFacts {
  const running = isRunning(folder);
  if (!existsSync(ledgerFile(folder))) return { running };
  const db = openToRead(ledgerFile(folder), { mayBeOlder: true });
  try {
    const last = db.prepare<[], { wallMs: number }>('SELECT wall_ms AS wallMs FROM entries ORDER BY seq DESC LIMIT 1').get();
    return { running, ...(last && { lastEntryMs: last.wallMs }) };
  } finally {
    db.close();
  }
}

/** Whether a server holds the folder's lock. Asked by a reader's lock that is given back at once, which a starting server waits for. */
export function isRunning(folder: string): boolean {
  const file = join(folder, 'relay.lock');
  if (!existsSync(file)) return false;
  const db = new Database(file, { readonly: true, timeout: 0 });
  try {
    db.prepare('SELECT count(*) FROM sqlite_master').get();
    return false;
  } catch (error) {
    if (systemCode(error)?.startsWith('SQLITE_BUSY')) return true;
    throw error;
  } finally {
    db.close();
  }
}

export function ledger(folder: string, { quick, facts, onProgress }: LedgerOptions, nowMs = Date.now()): readonly Found[] {
  const file = ledgerFile(folder);
  refuseHalfRestored(file);
  if (!existsSync(file)) return [ok(`there is none in ${folder} yet: the first start makes it`)];
  try {
    return [life(facts, nowMs), chain(file, quick, onProgress), programs(file)];
  } catch (error) {
    if (!(error instanceof TollcastError && error.code === 'ledger-older')) throw error;
    return [
      life(facts, nowMs),
      warning('an older Tollcast wrote it: the next start brings it up to date', 'back it up with the older one before that'),
    ];
  }
}

function life({ running, lastEntryMs }: LedgerFacts, nowMs: number): Found {
  const last = lastEntryMs === undefined ? 'it has no entry' : `its last entry is of ${new Date(lastEntryMs).toISOString()}`;
  if (!running) return ok(`no server runs on it; ${last}`);
  const silentMs = nowMs - (lastEntryMs ?? 0);
  return silentMs < SILENT_MS
    ? ok(`a server runs on it, and wrote ${Math.max(0, Math.round(silentMs / 1_000))} s ago`)
    : problem(`a server runs on it and writes nothing: ${last}`, 'see its log and GET /readyz: the disk may be full or failing');
}

function chain(file: string, quick: boolean, onProgress: VerifyOptions['onProgress']): Found {
  const result = quick ? verifyTail(file) : verifyLedger(file, onProgress && { onProgress });
  if (result.ok) {
    const extent = quick
      ? `its last ${result.entries.toLocaleString('en')} entries are`
      : `all ${result.entries.toLocaleString('en')} entries are`;
    return ok(`${extent} whole, head ${result.head.seq}:${result.head.hash}`);
  }
  const where = 'seq' in result ? `entry ${result.seq}: ` : 'table' in result ? `table ${result.table}: ` : '';
  return problem(
    `it is not whole: ${where}${result.what}`,
    'stop the server, keep this folder, and restore a backup: tollcast ledger restore',
  );
}

/** The links of the last entries, each computed from the one before it. */
function verifyTail(file: string): ReturnType<typeof verifyLedger> {
  const db = openToRead(file);
  try {
    db.exec('BEGIN');
    const { seq: headSeq } = db.prepare<[], { seq: number }>('SELECT coalesce(max(seq), 0) AS seq FROM entries').get() ?? {
      seq: 0,
    };
    const from = Math.max(0, headSeq - TAIL_ENTRIES - 1);
    const [first, ...entries] = [...pagesAfter(db, from)].flat();
    let before = first;
    for (const entry of entries) {
      const { seq, kind } = entry;
      if (before === undefined || seq !== before.seq + 1)
        return { ok: false, at: 'entry', seq, kind, what: 'entries before it are missing' };
      if (entryHashHex(before.hash, entry) !== entry.hash)
        return { ok: false, at: 'entry', seq, kind, what: 'its boot, times, kind or body do not give its hash' };
      before = entry;
    }
    const head = before === undefined ? { seq: 0, hash: '' } : { seq: before.seq, hash: before.hash };
    return { ok: true, entries: entries.length, head };
  } finally {
    db.close();
  }
}

function programs(file: string): Found {
  const db = openToRead(file);
  try {
    const { count } = db.prepare<[], { count: number }>('SELECT count(*) AS count FROM program').get() ?? { count: 0 };
    return count > 0
      ? ok(`programs: ${count}`)
      : warning('there is no program: nobody can broadcast', 'tollcast program add --help');
  } finally {
    db.close();
  }
}
