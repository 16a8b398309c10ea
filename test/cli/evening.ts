import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Clock } from '../../src/clock.ts';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import type { Entry } from '../../src/ledger/entry.ts';

/** 2026-03-01T18:00:00.000Z */
export const EVENING_MS = Date.UTC(2026, 2, 1, 18);

const tariff = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };

/** A ledger by hand: on two evenings `concert` was broadcast, ada watched 20 s and 10 s of the first and bob 30 s of the second. */
export function writeEvenings(folder: string): void {
  const file = join(folder, 'ledger.db');
  const streamKeyHash = '0'.repeat(64);
  append(file, 'boot-1', EVENING_MS, [
    [0, { kind: 'program-added', program: 'concert', title: 'The concert', tariff, streamKeyHash }],
    [0, { kind: 'broadcast-started', program: 'concert', broadcast: 'first' }],
    ...epoch('first', 1, 0),
    ...viewing({ viewing: 'v1', viewer: 'ada', broadcast: 'first', epoch: 1, fromMs: 1_000, toMs: 21_000 }),
    ...viewing({ viewing: 'v2', viewer: 'ada', broadcast: 'first', epoch: 1, fromMs: 30_000, toMs: 40_000 }),
    [60_000, { kind: 'broadcast-ended', program: 'concert', broadcast: 'first', atMs: 60_000, reason: 'unpublished' }],
  ]);
  append(file, 'boot-2', EVENING_MS + 24 * 3_600_000, [
    [0, { kind: 'broadcast-started', program: 'concert', broadcast: 'second' }],
    ...epoch('second', 2, 0),
    ...viewing({ viewing: 'v3', viewer: 'bob', broadcast: 'second', epoch: 2, fromMs: 1_000, toMs: 31_000 }),
  ]);
}

/** Changes an entry behind the ledger's back, as somebody with the file could. */
export function tamper(folder: string, seq: number): void {
  const db = new Database(join(folder, 'ledger.db'));
  db.exec('DROP TRIGGER entries_never_change');
  db.prepare("UPDATE entries SET body = replace(body, 'ada', 'eve') WHERE seq = ?").run(seq);
  db.close();
}

/** The place of ada's first consent in the chain. */
export const CONSENT_SEQ = 5;

type Happening = readonly [atMs: number, entry: Entry];

const epoch = (broadcast: string, number: number, atMs: number): Happening[] => [
  [atMs, { kind: 'epoch-reserved', program: 'concert', broadcast, epoch: number }],
  [atMs, { kind: 'epoch-begun', program: 'concert', broadcast, epoch: number, atMs }],
];

interface Watched {
  readonly viewing: string;
  readonly viewer: string;
  readonly broadcast: string;
  readonly epoch: number;
  readonly fromMs: number;
  readonly toMs: number;
}

function viewing({ viewing, viewer, broadcast, epoch, fromMs, toMs }: Watched): Happening[] {
  return [
    [fromMs, { kind: 'consent', viewing, viewer, program: 'concert', broadcast, tariff, token: `jti-${viewing}`, watch: 'jws' }],
    [fromMs, { kind: 'receipt', viewing, epoch, chunks: 0, receipt: 'jws' }],
    [fromMs, { kind: 'viewing-started', viewing, atMs: fromMs }],
    [toMs, { kind: 'served', program: 'concert', epoch, spans: [[viewing, fromMs, toMs]] }],
    [toMs, { kind: 'viewing-ended', viewing, reason: 'stopped', atMs: toMs }],
  ];
}

function append(file: string, boot: string, wallAnchorMs: number, happenings: readonly Happening[]): void {
  for (const [atMs, entry] of happenings) {
    const clock: Clock = { boot, wallAnchorMs, nowMs: () => atMs };
    appendNow(file, clock, () => [entry]);
  }
}
