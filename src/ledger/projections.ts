import type Database from 'better-sqlite3';
import type { Tariff } from '../billing/tariff.ts';
import { TollcastError, unreachable } from '../errors.ts';
import { pagesAfter, type StoredEntry } from './entries.ts';
import type { Entry, Stamp } from './entry.ts';
import { parseEntry } from './entry-json.ts';
import { type HeldLimits, heldBack } from './held-back.ts';
import { PROJECTIONS } from './projection-tables.ts';
import { SERVE } from './served-row.ts';

/** What a projection is made from: an entry in its place. */
export interface Projectable extends Stamp {
  readonly seq: number;
  readonly entry: Entry;
}

/**
 * Brings the projections up to date with entries that follow those already applied; within the transaction that appends them.
 * What the batches are makes no difference. An entry about something that no earlier entry made projects to nothing, and of two
 * entries that say the same thing the first counts.
 */
export type Projector = (batch: Iterable<Projectable>) => void;

/** Deterministic: the same entries give the same tables, row by row, in whatever database. */
export const projector = (db: Database.Database): Projector => inBatches(db, entryProjector(db));

/**
 * The same tables, to the row, for a ledger's whole history in one batch, several times as fast. Receipts and served time, of which it
 * is full, are written late, so no other writer may come between.
 */
export function historyProjector(db: Database.Database, limits?: HeldLimits): Projector {
  const apply = entryProjector(db);
  const held = heldBack(db, limits);
  const project = inBatches(db, (entered, boot) => {
    const { monoMs, entry } = entered;
    if (entry.kind === 'receipt') held.receipt(entry.viewing, boot, entry.epoch, monoMs);
    else if (entry.kind === 'served') for (const [viewing, fromMs, toMs] of entry.spans) held.served(viewing, fromMs, toMs);
    else apply(entered, boot);
    if (entry.kind === 'viewing-ended') held.settle(entry.viewing);
  });
  return (batch) => {
    project(batch);
    held.settleAll();
  };
}

type EntryProjector = (entered: Projectable, boot: number) => void;

function inBatches(db: Database.Database, apply: EntryProjector): Projector {
  const insertBoot = db.prepare(
    'INSERT INTO boot (id, boot, wall_anchor_ms, last_ms) VALUES (?, ?, ?, ?) ON CONFLICT (boot) DO NOTHING',
  );
  const selectBoot = db.prepare<[string], { id: number }>('SELECT id FROM boot WHERE boot = ?');
  const updateLast = db.prepare('UPDATE boot SET last_ms = max(last_ms, ?) WHERE id = ?');

  return (batch) => {
    // Each boot's last sign of life is written once a batch, not once an entry.
    const boots = new Map<string, { id: number; lastMs: number }>();
    for (const entered of batch) {
      let boot = boots.get(entered.boot);
      if (boot === undefined) {
        insertBoot.run(entered.seq, entered.boot, entered.wallMs - entered.monoMs, entered.monoMs);
        boot = { id: selectBoot.get(entered.boot)?.id ?? entered.seq, lastMs: entered.monoMs };
        boots.set(entered.boot, boot);
      }
      boot.lastMs = Math.max(boot.lastMs, entered.monoMs);
      apply(entered, boot.id);
    }
    for (const { id, lastMs } of boots.values()) updateLast.run(lastMs, id);
  };
}

function entryProjector(db: Database.Database): EntryProjector {
  const setVersion = db.prepare('UPDATE boot SET version = ? WHERE id = ?');
  const addProgram = db.prepare('INSERT OR REPLACE INTO program (name, title, tariff, stream_key_hash) VALUES (?, ?, ?, ?)');
  const rekeyProgram = db.prepare('UPDATE program SET stream_key_hash = ? WHERE name = ?');
  const removeProgram = db.prepare('DELETE FROM program WHERE name = ?');
  const addEncryptor = db.prepare('INSERT OR REPLACE INTO encryptor (name, programs, secret_hash) VALUES (?, ?, ?)');
  const revokeEncryptor = db.prepare('DELETE FROM encryptor WHERE name = ?');
  const startBroadcast = db.prepare(
    `INSERT INTO broadcast (id, broadcast, program, charged_as, boot, started_ms)
     VALUES (@seq, @broadcast, @program,
             coalesce((SELECT charged_as FROM broadcast WHERE broadcast = @continues AND program = @program), @seq), @boot, @monoMs)
     ON CONFLICT (broadcast) DO NOTHING`,
  );
  const endBroadcast = db.prepare('UPDATE broadcast SET ended_ms = ?, ended_by = ? WHERE broadcast = ? AND ended_ms IS NULL');
  const reserveEpoch = db.prepare(
    'INSERT INTO epoch (program, epoch, broadcast) VALUES (?, ?, (SELECT id FROM broadcast WHERE broadcast = ?)) ON CONFLICT DO NOTHING',
  );
  const beginEpoch = db.prepare(`UPDATE epoch SET begun_ms = ?
      WHERE program = ? AND epoch = ? AND broadcast = (SELECT id FROM broadcast WHERE broadcast = ?) AND begun_ms IS NULL`);
  const endEpochBefore = db.prepare(
    'UPDATE epoch SET next_ms = ? WHERE program = ? AND epoch = (SELECT epoch FROM broadcast WHERE broadcast = ?)',
  );
  const setEpoch = db.prepare('UPDATE broadcast SET epoch = ? WHERE broadcast = ?');
  const consent = db.prepare(
    `INSERT INTO viewing (id, viewing, viewer, program, broadcast, charged_as, boot, tariff, token, consented_ms)
     SELECT ?, ?, ?, ?, id, charged_as, ?, ?, ?, ? FROM broadcast WHERE broadcast = ?
     ON CONFLICT (viewing) DO NOTHING`,
  );
  const addReceipt = db.prepare(
    'INSERT INTO receipt (viewing, epoch, at_ms) SELECT id, ?, ? FROM viewing WHERE viewing = ? AND boot = ? ON CONFLICT DO NOTHING',
  );
  const startViewing = db.prepare('UPDATE viewing SET started_ms = ? WHERE viewing = ? AND started_ms IS NULL');
  const endViewing = db.prepare('UPDATE viewing SET ended_ms = ?, ended_by = ? WHERE viewing = ? AND ended_ms IS NULL');
  const serve = db.prepare(SERVE);

  return ({ seq, monoMs, entry }, boot) => {
    switch (entry.kind) {
      case 'boot':
        setVersion.run(entry.version, boot);
        return;
      case 'program-added':
        addProgram.run(entry.program, entry.title, tariffText(entry.tariff), entry.streamKeyHash);
        return;
      case 'program-rekeyed':
        rekeyProgram.run(entry.streamKeyHash, entry.program);
        return;
      case 'program-removed':
        removeProgram.run(entry.program);
        return;
      case 'encryptor-added':
        addEncryptor.run(entry.encryptor, JSON.stringify(entry.programs), entry.secretHash);
        return;
      case 'encryptor-revoked':
        revokeEncryptor.run(entry.encryptor);
        return;
      case 'broadcast-started':
        startBroadcast.run({
          seq,
          broadcast: entry.broadcast,
          program: entry.program,
          continues: entry.continues ?? null,
          boot,
          monoMs,
        });
        return;
      case 'broadcast-ended':
        endBroadcast.run(entry.atMs, entry.reason, entry.broadcast);
        return;
      case 'epoch-reserved':
        reserveEpoch.run(entry.program, entry.epoch, entry.broadcast);
        return;
      case 'epoch-begun':
        if (beginEpoch.run(entry.atMs, entry.program, entry.epoch, entry.broadcast).changes === 0) return;
        endEpochBefore.run(entry.atMs, entry.program, entry.broadcast);
        setEpoch.run(entry.epoch, entry.broadcast);
        return;
      case 'consent': {
        const { viewing, viewer, program, tariff, token, broadcast } = entry;
        consent.run(seq, viewing, viewer, program, boot, tariffText(tariff), token, monoMs, broadcast);
        return;
      }
      case 'receipt':
        addReceipt.run(entry.epoch, monoMs, entry.viewing, boot);
        return;
      case 'viewing-started':
        startViewing.run(entry.atMs, entry.viewing);
        return;
      case 'served':
        for (const [viewing, fromMs, toMs] of entry.spans) serve.run({ viewing, fromMs, toMs });
        return;
      case 'viewing-ended':
        endViewing.run(entry.atMs, entry.reason, entry.viewing);
        return;
      case 'life': // its stamp is what it says
      case 'media-paused': // shown by what was served
      case 'media-resumed':
      case 'encryptor-confirmed':
      case 'key-sent': // a key sent is billed by its receipt only
        return;
      default:
        unreachable(entry);
    }
  };
}

const tariffText = ({ pricePerMinute, currency, incrementSeconds }: Tariff): string =>
  JSON.stringify({ pricePerMinute, currency, incrementSeconds });

/**
 * Makes the projections anew from the entries, in one transaction.
 *
 * @throws TollcastError `ledger-corrupt` at an entry that cannot be read
 */
export function rebuild(db: Database.Database): void {
  const project = historyProjector(db);
  const everything = db.transaction(() => {
    for (const { table } of PROJECTIONS) db.exec(`DELETE FROM ${table}`);
    project(projectables(db));
  });
  everything.immediate();
}

function* projectables(db: Database.Database): Generator<Projectable> {
  for (const page of pagesAfter(db, 0)) yield* page.map(projectable);
}

function projectable(stored: StoredEntry): Projectable {
  const parsed = parseEntry(stored.kind, stored.body);
  if (!parsed.ok)
    throw new TollcastError('ledger-corrupt', `entry ${stored.seq} (${stored.kind}) cannot be read: ${parsed.what}`);
  return { seq: stored.seq, boot: stored.boot, monoMs: stored.monoMs, wallMs: stored.wallMs, entry: parsed.entry };
}
