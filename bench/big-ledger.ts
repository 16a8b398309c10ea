import { existsSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tariff } from '../src/billing/tariff.ts';
import { type ChainWriter, chainWriter, type Pending } from '../src/ledger/chain-writer.ts';
import { ledgerFile, openToWrite } from '../src/ledger/database.ts';
import { bodyOf } from '../src/ledger/entry-json.ts';
import { MIGRATIONS } from '../src/ledger/migrations.ts';
import { Random } from '../test/sim/random.ts';
import { Evening, type Happening } from './evening.ts';

/** How much there is in it. */
export interface LedgerSize {
  readonly receipts: number;
  readonly viewings: number;
}

export interface BuiltLedger {
  /** The data folder. */
  readonly folder: string;
  /** Seconds that it took; undefined where it was there already. */
  readonly builtInSeconds?: number;
}

/** What this file writes is another ledger than the one before: raise it, or the old one is taken from the temporary folder. */
const EDITION = 1;

const BUILD_CACHE_KIB = 256 << 10;
const NOTE_RECEIPTS = 50_000;

const EVENINGS = 2;
const EVENING_MS = Date.UTC(2026, 2, 1, 18);
const DAY_MS = 24 * 3_600_000;

const tariff = (pricePerMinute: string, currency: string, incrementSeconds: number): Tariff => ({
  pricePerMinute,
  currency,
  incrementSeconds,
});
/** What is sold, and for how much. */
const PROGRAMS: Readonly<Record<string, Tariff>> = {
  concert: tariff('0.60', 'EUR', 1),
  match: tariff('0.0825', 'USD', 10),
  theatre: tariff('45', 'JPY', 60),
  lecture: tariff('0.031', 'KWD', 30),
};

/**
 * A ledger such as evenings of four programs at once leave behind, made by the code that writes every ledger, kept in the temporary
 * folder: the same entries each time, to the byte.
 */
export function bigLedger(size: LedgerSize, note: (text: string) => void): BuiltLedger {
  const folder = join(tmpdir(), `tollcast-bench-ledger-${size.receipts}-${MIGRATIONS.length}-${EDITION}`);
  if (existsSync(ledgerFile(folder))) return { folder };
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const beganMs = performance.now();
  write(ledgerFile(partial), size, note);
  renameSync(partial, folder);
  return { folder, builtInSeconds: (performance.now() - beganMs) / 1_000 };
}

function write(file: string, size: LedgerSize, note: (text: string) => void): void {
  const db = openToWrite(file);
  try {
    // It is made anew if the machine dies.
    db.pragma('synchronous = OFF');
    db.pragma(`cache_size = -${BUILD_CACHE_KIB}`);
    const append = chainWriter(db);
    const random = new Random(1);
    const half = { viewings: size.viewings / EVENINGS, receipts: size.receipts / EVENINGS };
    for (let index = 0; index < EVENINGS; index++) {
      const stamp = { boot: `boot-${index + 1}`, wallAnchorMs: EVENING_MS + index * DAY_MS };
      appendAll(append, stamp, [[0, { kind: 'boot', version: 'bench', wallAnchorMs: stamp.wallAnchorMs }]]);
      if (index === 0) appendAll(append, stamp, PROGRAMS_ADDED);
      const evening = new Evening(index, PROGRAMS, half, random);
      let notedReceipts = 0;
      for (const happenings of evening.windows()) {
        appendAll(append, stamp, happenings);
        if (evening.receipts - notedReceipts < NOTE_RECEIPTS) continue;
        notedReceipts = evening.receipts;
        note(`building a ledger: ${counted(index * half.receipts + notedReceipts)} of ${counted(size.receipts)} receipts`);
      }
    }
    db.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    db.close();
  }
}

const PROGRAMS_ADDED: readonly Happening[] = Object.entries(PROGRAMS).map(([program, tariff]) => [
  0,
  { kind: 'program-added', program, title: program, tariff, streamKeyHash: '0'.repeat(64) },
]);

function appendAll(
  append: ChainWriter,
  { boot, wallAnchorMs }: { readonly boot: string; readonly wallAnchorMs: number },
  happenings: readonly Happening[],
): void {
  append(() =>
    happenings.map(([monoMs, entry]): Pending => ({ boot, monoMs, wallMs: wallAnchorMs + monoMs, entry, body: bodyOf(entry) })),
  );
}

const counted = (count: number): string => count.toLocaleString('en');
