import { z } from 'zod';
import { Tariff } from '../billing/tariff.ts';
import { END_REASONS } from '../viewing/end-reason.ts';
import type { Entry, EntryKind } from './entry.ts';

/** The body of an entry as it is stored and hashed: JSON of everything but its kind, which has a column of its own. */
export function bodyOf(entry: Entry): string {
  const { kind: _kind, ...fields } = entry;
  return JSON.stringify(fields);
}

/** An entry from a body that `bodyOf` made in this process: nothing is checked, because this is the way of every receipt. */
export function trustedEntry(kind: EntryKind, body: string): Entry {
  return { kind, ...JSON.parse(body) };
}

/**
 * An entry from a body that anybody may have written: another process, another version, a forger.
 *
 * @returns the entry, or one line that says what is wrong with it
 */
export function parseEntry(kind: string, body: string): { ok: true; entry: Entry } | { ok: false; what: string } {
  let fields: unknown;
  try {
    fields = JSON.parse(body);
  } catch {
    return { ok: false, what: 'its body is not JSON' };
  }
  if (typeof fields !== 'object' || fields === null) return { ok: false, what: 'its body is not a JSON object' };
  const parsed = entrySchema.safeParse({ ...fields, kind });
  if (parsed.success) return { ok: true, entry: parsed.data };
  const issue = parsed.error.issues[0];
  return { ok: false, what: `its body is wrong at ${issue?.path.join('.') || 'its top'}: ${issue?.message ?? 'unknown'}` };
}

const text = z.string();
const ms = z.int();
const epoch = z.int().min(1);
const run = { program: text, broadcast: text };

const entrySchema: z.ZodType<Entry> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('boot'), version: text, wallAnchorMs: ms }),
  z.strictObject({ kind: z.literal('life') }),
  z.strictObject({ kind: z.literal('program-added'), program: text, title: text, tariff: Tariff, streamKeyHash: text }),
  z.strictObject({ kind: z.literal('program-rekeyed'), program: text, streamKeyHash: text }),
  z.strictObject({ kind: z.literal('program-removed'), program: text }),
  z.strictObject({ kind: z.literal('encryptor-added'), encryptor: text, programs: z.array(text), secretHash: text }),
  z.strictObject({ kind: z.literal('encryptor-revoked'), encryptor: text }),
  z.strictObject({ kind: z.literal('broadcast-started'), ...run, continues: z.exactOptional(text) }),
  z.strictObject({ kind: z.literal('broadcast-ended'), ...run, atMs: ms, reason: text }),
  z.strictObject({ kind: z.literal('media-paused'), ...run, atMs: ms }),
  z.strictObject({ kind: z.literal('media-resumed'), ...run, atMs: ms }),
  z.strictObject({ kind: z.literal('epoch-reserved'), ...run, epoch }),
  z.strictObject({ kind: z.literal('encryptor-confirmed'), ...run, epoch, encryptor: text, receipt: text }),
  z.strictObject({ kind: z.literal('epoch-begun'), ...run, epoch, atMs: ms }),
  z.strictObject({ kind: z.literal('consent'), viewing: text, viewer: text, ...run, tariff: Tariff, token: text, watch: text }),
  z.strictObject({ kind: z.literal('key-sent'), viewing: text, epoch }),
  z.strictObject({ kind: z.literal('receipt'), viewing: text, epoch, chunks: z.int().min(0), receipt: text }),
  z.strictObject({ kind: z.literal('viewing-started'), viewing: text, atMs: ms }),
  z.strictObject({ kind: z.literal('served'), program: text, epoch, spans: z.array(z.tuple([text, ms, ms])) }),
  z.strictObject({ kind: z.literal('viewing-ended'), viewing: text, reason: z.enum(END_REASONS), atMs: ms }),
]);
