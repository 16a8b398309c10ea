import type Database from 'better-sqlite3';
import { SERVE } from './served-row.ts';

/** What is held back at most. Beyond it, all is written. */
export interface HeldLimits {
  readonly maxViewings: number;
  readonly maxReceipts: number;
}

/** Some megabytes. */
const LIMITS: HeldLimits = { maxViewings: 20_000, maxReceipts: 100_000 };

/**
 * Receipts and served time of viewings, of which a history is full, on their way into the projections: held back until their viewing
 * has ended. Then a viewing's receipts are written one beside the other, and reports of served time that go on are one row before
 * there is any.
 */
export interface HeldBack {
  receipt(viewing: string, boot: number, epoch: number, atMs: number): void;
  served(viewing: string, fromMs: number, toMs: number): void;
  /** Writes what is held of a viewing. More may come of it. */
  settle(viewing: string): void;
  settleAll(): void;
}

interface Viewing {
  readonly id: number;
  readonly boot: number;
  /** Epoch and time of each, in the order in which they came, for of two receipts of an epoch the first counts. */
  readonly receipts: number[];
  /** Of its rows of served time the one with the latest beginning. It may say more than is written. */
  last: Span | undefined;
}

interface Span {
  readonly fromMs: number;
  toMs: number;
}

export function heldBack(db: Database.Database, { maxViewings, maxReceipts } = LIMITS): HeldBack {
  const selectViewing = db.prepare<[string], { id: number; boot: number }>('SELECT id, boot FROM viewing WHERE viewing = ?');
  const selectLast = db.prepare<[number], Span>(
    'SELECT from_ms AS fromMs, to_ms AS toMs FROM served WHERE viewing = ? ORDER BY from_ms DESC LIMIT 1',
  );
  const insertReceipt = db.prepare('INSERT INTO receipt (viewing, epoch, at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
  const insertSpan = db.prepare(
    'INSERT INTO served (viewing, from_ms, to_ms) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET to_ms = max(to_ms, excluded.to_ms)',
  );
  const serve = db.prepare(SERVE);
  const viewings = new Map<string, Viewing>();
  let receipts = 0;

  /** Undefined while no entry made it. */
  function held(name: string): Viewing | undefined {
    const known = viewings.get(name);
    if (known !== undefined) return known;
    const stored = selectViewing.get(name);
    if (stored === undefined) return undefined;
    if (viewings.size >= maxViewings) settleAll();
    const viewing: Viewing = { ...stored, receipts: [], last: selectLast.get(stored.id) };
    viewings.set(name, viewing);
    return viewing;
  }

  function write({ id, receipts: own, last }: Viewing): void {
    for (let at = 0; at < own.length; at += 2) insertReceipt.run(id, own[at], own[at + 1]);
    receipts -= own.length / 2;
    if (last !== undefined) insertSpan.run(id, last.fromMs, last.toMs);
  }

  function settle(name: string): void {
    const viewing = viewings.get(name);
    if (viewing === undefined) return;
    write(viewing);
    viewings.delete(name);
  }

  function settleAll(): void {
    for (const viewing of viewings.values()) write(viewing);
    viewings.clear();
  }

  return {
    receipt(name, boot, epoch, atMs) {
      const viewing = held(name);
      if (viewing?.boot !== boot) return;
      viewing.receipts.push(epoch, atMs);
      receipts += 1;
      if (receipts >= maxReceipts) settleAll();
    },
    served(name, fromMs, toMs) {
      const viewing = held(name);
      if (viewing === undefined) return;
      const { id, last } = viewing;
      if (last !== undefined && last.fromMs <= fromMs && fromMs <= last.toMs) {
        last.toMs = Math.max(last.toMs, toMs);
        return;
      }
      if (last !== undefined) insertSpan.run(id, last.fromMs, last.toMs);
      if (last === undefined || (fromMs > last.fromMs && fromMs > last.toMs)) {
        viewing.last = { fromMs, toMs };
        return;
      }
      // It lies before, among rows that are not known here.
      serve.run({ viewing: name, fromMs, toMs });
      viewing.last = selectLast.get(id);
    },
    settle,
    settleAll,
  };
}
