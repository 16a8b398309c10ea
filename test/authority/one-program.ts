import type { ViewingRecord } from '../../src/billing/viewing-record.ts';
import type { LedgerReader, ProgramRecord } from '../../src/ledger/ledger.ts';

/** A ledger, read, that has one program, no epoch of it, and viewings that are over. */
export const readerOf = (program: ProgramRecord, past: readonly ViewingRecord[] = []): LedgerReader => ({
  programs: () => [program],
  encryptors: () => [],
  knowsBroadcast: () => false,
  interruptedBroadcast: () => undefined,
  lastEpoch: () => 0,
  viewings: ({ token } = {}) => past.filter((record) => record.token === token).values(),
  close: () => undefined,
});
