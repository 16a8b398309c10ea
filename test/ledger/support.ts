import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import Database from 'better-sqlite3';
import type { ViewingRecord } from '../../src/billing/viewing-record.ts';
import type { Clock } from '../../src/clock.ts';
import { openReader } from '../../src/ledger/reader.ts';

const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder, gone after the tests. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tollcast-ledger-'));
  folders.push(folder);
  return folder;
}

export const newLedgerFile = (): string => join(newFolder(), 'ledger.db');

/** A clock that stands until it is told to go on. */
export interface ManualClock extends Clock {
  setMs(ms: number): void;
}

export function manualClock(boot: string, wallAnchorMs = 1_700_000_000_000): ManualClock {
  let nowMs = 0;
  return {
    boot,
    wallAnchorMs,
    nowMs: () => nowMs,
    setMs: (ms) => {
      nowMs = ms;
    },
  };
}

export function viewingsIn(file: string): ViewingRecord[] {
  const reader = openReader(file);
  try {
    return [...reader.viewings()];
  } finally {
    reader.close();
  }
}

/** Opens a ledger's file as someone would who respects nothing. */
export function tamper(file: string, change: (db: Database.Database) => void): void {
  const db = new Database(file);
  try {
    for (const trigger of ['entries_never_change', 'entries_never_go', 'entries_only_at_the_end'])
      db.exec(`DROP TRIGGER IF EXISTS ${trigger}`);
    change(db);
  } finally {
    db.close();
  }
}

/** The code of the error that `act` throws. */
export function codeOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error ? error.code : error;
  }
  return 'nothing was thrown';
}
