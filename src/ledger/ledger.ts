import type { Tariff } from '../billing/tariff.ts';
import type { ViewingRecord } from '../billing/viewing-record.ts';
import type { Entered, Entry } from './entry.ts';

/** Where entries go. Asynchronous, and silent about what stores them (DESIGN.md, section 4, "Ledger"). */
export interface Ledger {
  /**
   * Appends an entry stamped now; resolves once it is durable, in the order of the calls. While the disk refuses, the promise
   * stays pending, the entry is kept and tried again, and `state` says so. Rejects with code `ledger-full` when too many wait,
   * and with `ledger-closed` after `close`.
   *
   * @param patienceMs how long it may wait for others to be written with it: for an entry that nothing waits for. One that is appended
   * after it and does not wait takes it along
   */
  append(entry: Entry, patienceMs?: number): Promise<Entered>;
  readonly state: LedgerState;
  /** Told of entries that another writer (the command line) appended: at most `pollMs` late. Returns what stops it. */
  onForeign(listener: (entered: Entered) => void): () => void;
  /** Writes what waits (as far as the disk lets it), then closes. */
  close(): Promise<void>;
}

export interface LedgerState {
  /** Entries not yet durable. */
  readonly waiting: number;
  /** Why the last write failed, until one succeeds. */
  readonly fault?: LedgerFault;
  /** Why other writers' entries cannot be read, though ours are written, until they can. */
  readonly deaf?: LedgerFault;
}

export interface LedgerFault {
  readonly code: string;
  readonly message: string;
  readonly sinceMs: number;
}

/** A program as the ledger has it now. */
export interface ProgramRecord {
  readonly name: string;
  readonly title: string;
  readonly tariff: Tariff;
  /** SHA-256, hex, of the stream key. */
  readonly streamKeyHash: string;
}

/** An encryptor elsewhere as the ledger has it now. */
export interface EncryptorRecord {
  readonly name: string;
  /** Whose keys it may ask for. */
  readonly programs: readonly string[];
  /** SHA-256, hex, of its secret. */
  readonly secretHash: string;
}

export interface ViewingFilter {
  readonly program?: string;
  readonly viewer?: string;
  readonly token?: string;
}

/** Reading beside any writer, from the projections. */
export interface LedgerReader {
  programs(): ProgramRecord[];
  encryptors(): EncryptorRecord[];
  /** Whether a program had this broadcast; where none is named, whether any had. */
  knowsBroadcast(program: string | undefined, broadcast: string): boolean;
  /**
   * The last broadcast of a program, if the authority died during it and that is less than `withinMs` ago. Both are times of different
   * boots, so it is the wall clock that says how long ago; one that was set back since is believed as far.
   */
  interruptedBroadcast(program: string, nowWallMs: number, withinMs: number): string | undefined;
  /** The highest epoch number ever reserved for a program; 0 if none. */
  lastEpoch(program: string): number;
  /** In the order of viewer, broadcast and consent, one at a time, so that millions pass in bounded memory. */
  viewings(filter?: ViewingFilter): IterableIterator<ViewingRecord>;
  close(): void;
}
