import { Tariff } from '../billing/tariff.ts';
import type { SpanMs, ViewingRecord } from '../billing/viewing-record.ts';
import type { EndReason } from '../viewing/end-reason.ts';
import { openToRead } from './database.ts';
import type { EncryptorRecord, LedgerReader, ProgramRecord, ViewingFilter } from './ledger.ts';
import { storageError } from './storage-error.ts';

/**
 * Opens a ledger to read its projections, beside any writer and when there is none. Each iteration of `viewings` has a
 * connection and a snapshot of its own: what is written meanwhile does not show in it.
 *
 * @throws TollcastError `ledger-missing`, `ledger-corrupt`, `ledger-older`, `ledger-newer`
 */
export function openReader(file: string): LedgerReader {
  const db = openToRead(file);
  const selectPrograms = db.prepare<[], ProgramRow>(
    'SELECT name, title, tariff, stream_key_hash AS streamKeyHash FROM program ORDER BY name',
  );
  const selectLastEpoch = db.prepare<[string], { epoch: number | null }>(
    'SELECT max(epoch) AS epoch FROM epoch WHERE program = ?',
  );
  const selectEncryptors = db.prepare<[], EncryptorRow>(
    'SELECT name, programs, secret_hash AS secretHash FROM encryptor ORDER BY name',
  );
  const selectBroadcast = db.prepare<[string, string | null]>(
    'SELECT 1 FROM broadcast WHERE broadcast = ? AND program = coalesce(?, program)',
  );
  const selectLastBroadcast = db.prepare<[string], LastBroadcastRow>(
    `SELECT b.broadcast, b.ended_by AS endedBy, boot.wall_anchor_ms + b.ended_ms AS endedWallMs
       FROM broadcast b JOIN boot ON boot.id = b.boot WHERE b.program = ? ORDER BY b.id DESC LIMIT 1`,
  );
  return {
    programs: () => selectPrograms.all().map((row): ProgramRecord => ({ ...row, tariff: tariffOf(row.tariff) })),
    encryptors: () => selectEncryptors.all().map((row): EncryptorRecord => ({ ...row, programs: JSON.parse(row.programs) })),
    knowsBroadcast: (program, broadcast) => selectBroadcast.get(broadcast, program ?? null) !== undefined,
    interruptedBroadcast: (program, nowWallMs, withinMs) => {
      const last = selectLastBroadcast.get(program);
      const isRecent = last?.endedWallMs != null && Math.abs(nowWallMs - last.endedWallMs) < withinMs;
      return last?.endedBy === 'interrupted' && isRecent ? last.broadcast : undefined;
    },
    lastEpoch: (program) => selectLastEpoch.get(program)?.epoch ?? 0,
    viewings: (filter = {}) => readViewings(file, filter),
    close: () => db.close(),
  };
}

interface ProgramRow {
  name: string;
  title: string;
  tariff: string;
  streamKeyHash: string;
}

interface LastBroadcastRow {
  broadcast: string;
  endedBy: string | null;
  endedWallMs: number | null;
}

interface EncryptorRow {
  name: string;
  /** JSON, an array of names. */
  programs: string;
  secretHash: string;
}

/** Spans as two columns; NULL from an epoch that never began. */
type SpanColumns = [fromMs: (number | null)[], toMs: (number | null)[]];

const SPANS = `'[' || json_group_array(from_ms) || ',' || json_group_array(to_ms) || ']'`;

interface ViewingRow {
  viewing: string;
  viewer: string;
  program: string;
  broadcast: string;
  tariff: string;
  token: string;
  wallAnchorMs: number;
  consentedMs: number;
  startedMs: number | null;
  endedMs: number | null;
  endedBy: EndReason | null;
  /** JSON of `SpanColumns`. */
  confirmed: string;
  served: string;
}

/**
 * One cursor over the viewings. Spans come as JSON, one text a viewing: of a million receipts, fetching a row each took 2.3 s
 * and a text for each of ten thousand viewings 0.8 s.
 */
function* readViewings(file: string, filter: ViewingFilter): Generator<ViewingRecord, undefined> {
  const db = openToRead(file);
  try {
    const { where, values } = condition(filter);
    const select = db.prepare<string[], ViewingRow>(
      `SELECT v.viewing, v.viewer, v.program, b.broadcast, v.tariff, v.token, boot.wall_anchor_ms AS wallAnchorMs,
              v.consented_ms AS consentedMs, v.started_ms AS startedMs, v.ended_ms AS endedMs, v.ended_by AS endedBy,
              (SELECT ${SPANS} FROM confirmed WHERE viewing = v.id) AS confirmed,
              (SELECT ${SPANS} FROM served WHERE viewing = v.id) AS served
         FROM viewing v CROSS JOIN broadcast b ON b.id = v.charged_as CROSS JOIN boot ON boot.id = v.boot
        ${where} ORDER BY v.viewer, v.charged_as, v.id`,
    );
    for (const row of select.iterate(...values)) yield record(row);
  } catch (error) {
    throw storageError(error, file);
  } finally {
    db.close();
  }
}

function condition({ program, viewer, token }: ViewingFilter): { where: string; values: string[] } {
  const terms: string[] = [];
  const values: string[] = [];
  for (const [column, value] of Object.entries({ program, viewer, token })) {
    if (value === undefined) continue;
    terms.push(`v.${column} = ?`);
    values.push(value);
  }
  return { where: terms.length > 0 ? `WHERE ${terms.join(' AND ')}` : '', values };
}

/** The same time as spans in order that neither overlap nor touch. */
function merged([fromMs, toMs]: SpanColumns): SpanMs[] {
  const spans = fromMs
    .map((from, index) => ({ fromMs: from ?? 0, toMs: from === null ? 0 : (toMs[index] ?? 0) }))
    .filter((span) => span.fromMs < span.toMs)
    .sort((a, b) => a.fromMs - b.fromMs);
  const result: SpanMs[] = [];
  for (const span of spans) {
    const before = result.at(-1);
    if (before === undefined || before.toMs < span.fromMs) result.push(span);
    else if (before.toMs < span.toMs) result[result.length - 1] = { fromMs: before.fromMs, toMs: span.toMs };
  }
  return result;
}

function record({ startedMs, endedMs, endedBy, tariff, confirmed, served, ...viewing }: ViewingRow): ViewingRecord {
  const receipts: SpanColumns = JSON.parse(confirmed);
  return {
    ...viewing,
    tariff: tariffOf(tariff),
    ...(startedMs === null ? {} : { startedMs }),
    ...(endedMs === null ? {} : { endedMs }),
    ...(endedBy === null ? {} : { endedBy }),
    confirmed: merged(receipts),
    served: merged(JSON.parse(served)),
    receipts: receipts[0].length,
  };
}

const MAX_TARIFFS_KEPT = 1_000;
const tariffs = new Map<string, Tariff>();

/** There are few tariffs and many viewings: each is parsed once. */
function tariffOf(text: string): Tariff {
  const known = tariffs.get(text);
  if (known !== undefined) return known;
  const tariff = Object.freeze(Tariff.parse(JSON.parse(text)));
  if (tariffs.size >= MAX_TARIFFS_KEPT) tariffs.clear();
  tariffs.set(text, tariff);
  return tariff;
}
