import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { wallMsOf } from '../../src/clock.ts';
import { TollcastError } from '../../src/errors.ts';
import { type ChainWriter, chainWriter, type Pending } from '../../src/ledger/chain-writer.ts';
import { openToWrite } from '../../src/ledger/database.ts';
import type { Entered, Entry } from '../../src/ledger/entry.ts';
import { bodyOf } from '../../src/ledger/entry-json.ts';
import type { Ledger, LedgerState } from '../../src/ledger/ledger.ts';
import type { Random } from './random.ts';
import type { SimProcess, SimTime } from './time.ts';

const MEMORY = '/dev/shm';
const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'tollcast-sim-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const template = join(folder, 'template.db');
openToWrite(template).close();
let files = 0;

/** A ledger on the real SQLite, by the real chain and projections: it outlives every process. */
export class SimDisk {
  readonly file = join(folder, `${files++}.db`);
  readonly #db: Database.Database;
  readonly #append: ChainWriter;
  /** Refuses every write until then. */
  refusesUntilMs = 0;

  /** @param view what its view of confirmed time is made with */
  constructor(view: (sql: string) => string) {
    copyFileSync(template, this.file);
    this.#db = openToWrite(this.file);
    // What a process has committed survives that process; only of a machine is FULL asked more.
    this.#db.pragma('synchronous = OFF');
    const sql = String(this.#db.prepare("SELECT sql FROM sqlite_master WHERE name = 'confirmed'").pluck().get());
    if (view(sql) !== sql) this.#db.exec(`DROP VIEW confirmed; ${view(sql)}`);
    this.#append = chainWriter(this.#db);
  }

  commit(pending: readonly Pending[]): { readonly seq: number; readonly hash: string }[] {
    return this.#append(() => pending).map(({ seq, hash }) => ({ seq, hash: hash.toString('hex') }));
  }

  remove(): void {
    this.#db.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(this.file + suffix, { force: true });
  }
}

interface Waiting {
  /** As it was handed in. */
  readonly entry: Entry;
  readonly atMs: number;
  readonly pending: Pending;
  readonly resolve: (entered: Entered) => void;
  readonly reject: (error: Error) => void;
}

export interface LedgerHooks {
  /** Of an entry that was handed in, the one that is written. */
  written(entry: Entry): Entry;
  /** Whether an entry is acknowledged before it is durable: a fault. */
  isEager(entry: Entry): boolean;
  /** When an entry is said to have been made. */
  stampMs(entry: Entry, monoMs: number): number;
  /** @param monoMs when it was made */
  durable(entry: Entry, monoMs: number): void;
  /** The disk did not take what there was. */
  refused(): void;
  /** An entry was not taken, for too many wait for the disk. */
  overfull(entry: Entry): void;
}

/** The ledger of one process on that disk: group commit, on a clock that a simulator runs. What waits dies with the process. */
export class SimLedger implements Ledger {
  readonly #disk: SimDisk;
  readonly #process: SimProcess;
  readonly #time: SimTime;
  readonly #random: Random;
  readonly #hooks: LedgerHooks;
  readonly #maxWaiting: number;
  #queue: Waiting[] = [];
  readonly #foreign = new Set<(entered: Entered) => void>();
  #isFlushing = false;
  #fault: LedgerState['fault'];
  #closed = false;

  /** @param maxWaiting how many entries may wait for the disk */
  constructor(disk: SimDisk, process: SimProcess, time: SimTime, random: Random, hooks: LedgerHooks, maxWaiting: number) {
    this.#disk = disk;
    this.#process = process;
    this.#time = time;
    this.#random = random;
    this.#hooks = hooks;
    this.#maxWaiting = maxWaiting;
  }

  get state(): LedgerState {
    return { waiting: this.#queue.length, ...(this.#fault === undefined ? {} : { fault: this.#fault }) };
  }

  append(entry: Entry): Promise<Entered> {
    if (this.#closed) return Promise.reject(new TollcastError('ledger-closed', 'the ledger is closed'));
    if (this.#queue.length >= this.#maxWaiting) {
      this.#hooks.overfull(entry);
      return Promise.reject(new TollcastError('ledger-full', 'too many entries wait for the disk'));
    }
    const { boot } = this.#process;
    const atMs = this.#process.nowMs();
    const monoMs = this.#hooks.stampMs(entry, atMs);
    const written = this.#hooks.written(entry);
    const pending = { boot, monoMs, wallMs: wallMsOf(this.#process, monoMs), entry: written, body: bodyOf(written) };
    const { promise, resolve, reject } = Promise.withResolvers<Entered>();
    this.#queue.push({ entry, atMs, pending, resolve, reject });
    if (this.#hooks.isEager(entry)) resolve({ ...pending, seq: 0, hash: '' });
    if (!this.#isFlushing)
      this.#flushSoon(this.#random.chance(0.02) ? this.#random.between(100, 800) : this.#random.between(2, 20));
    return promise;
  }

  onForeign(listener: (entered: Entered) => void): () => void {
    this.#foreign.add(listener);
    return () => this.#foreign.delete(listener);
  }

  /** Another process has written. */
  foreign(entered: Entered): void {
    for (const tell of this.#foreign) tell(entered);
  }

  async close(): Promise<void> {
    this.#flush();
    this.#closed = true;
  }

  #flushSoon(delayMs: number): void {
    this.#isFlushing = true;
    this.#process.after(delayMs, () => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    if (this.#time.nowMs < this.#disk.refusesUntilMs) {
      this.#fault ??= { code: 'SQLITE_FULL', message: 'the disk is full', sinceMs: this.#process.nowMs() };
      this.#hooks.refused();
      this.#flushSoon(250);
      return;
    }
    this.#fault = undefined;
    const batch = this.#queue;
    this.#queue = [];
    const places = this.#disk.commit(batch.map(({ pending }) => pending));
    for (const [at, { entry, atMs, pending, resolve }] of batch.entries()) {
      this.#hooks.durable(entry, atMs);
      resolve({ ...pending, seq: places[at]?.seq ?? 0, hash: places[at]?.hash ?? '' });
    }
  }
}
