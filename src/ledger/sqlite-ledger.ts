import { Worker } from 'node:worker_threads';
import type { BaseLogger } from 'pino';
import { type Clock, wallMsOf } from '../clock.ts';
import { messageOf, TollcastError, unreachable } from '../errors.ts';
import { HASH_BYTES } from './chain.ts';
import type { Entered, Entry } from './entry.ts';
import { bodyOf } from './entry-json.ts';
import type { Ledger, LedgerFault, LedgerState } from './ledger.ts';
import type { FromWorker, ToWorker, WorkerSettings } from './worker-messages.ts';

export interface LedgerOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Pick<BaseLogger, 'info' | 'warn' | 'error'>;
  /** How long the first entry of a group waits for others to share its fsync, where it has no more patience. */
  readonly groupCommitMs?: number;
  /** Entries that may wait for the disk before more are rejected with `ledger-full`. */
  readonly maxWaiting?: number;
  /** How late another writer's entries are noticed, at most, while this one writes nothing itself. */
  readonly pollMs?: number;
  /** After a failed write: the first pause, and the longest that it is doubled to. */
  readonly retryMs?: { readonly first: number; readonly longest: number };
  /** How long `close` goes on trying while the disk refuses. */
  readonly closeMs?: number;
  /** How long one try waits for another writer's transaction. */
  readonly busyTimeoutMs?: number;
  /** A ledger of this many pages of 4 KiB is a full disk. For tests; no limit by default. */
  readonly maxPages?: number;
}

const GROUP_COMMIT_MS = 3;
/** One transaction's worth: bounds how long others wait for it, and what crosses between the threads at once. */
const MAX_BATCH_ENTRIES = 4_096;
const MAX_BATCH_CHARS = 8 << 20;
/** A `served` entry about 100,000 viewings fits. */
const MAX_BODY_CHARS = 8 << 20;

/**
 * Opens the ledger, with a thread of its own that writes it. After `recover`, and attach `onForeign` before reading the
 * programs, so that none falls between.
 *
 * @throws TollcastError `data-unwritable`, `data-full`, `ledger-corrupt`, `ledger-newer`, `ledger-busy`
 */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const settings: WorkerSettings = {
    file: options.file,
    boot: options.clock.boot,
    wallAnchorMs: options.clock.wallAnchorMs,
    pollMs: options.pollMs ?? 500,
    busyTimeoutMs: options.busyTimeoutMs ?? 1_000,
    retryMs: options.retryMs ?? { first: 250, longest: 1_000 },
    maxPages: options.maxPages,
  };
  // The sources run as they are, under Node and jest; production runs what the compiler made of them.
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const worker = new Worker(new URL(`./worker${extension}`, import.meta.url), { workerData: settings, name: 'ledger' });
  const ledger = new SqliteLedger(worker, options);
  await ledger.opened;
  return ledger;
}

interface Waiting {
  readonly entry: Entry;
  readonly body: string;
  readonly monoMs: number;
  readonly resolve: (entered: Entered) => void;
  readonly reject: (error: TollcastError) => void;
}

type Phase = 'opening' | 'open' | 'closing' | 'closed';

class SqliteLedger implements Ledger {
  readonly opened: Promise<void>;
  readonly #options: LedgerOptions;
  readonly #worker: Worker;
  readonly #listeners = new Set<(entered: Entered) => void>();
  readonly #exited = Promise.withResolvers<void>();
  #phase: Phase = 'opening';
  /** Not yet with the worker. */
  #queue: Waiting[] = [];
  /** With the worker: the batch, without those of it that were answered. */
  #sent: Waiting[] = [];
  /** When what has gathered goes to the worker, in `performance.now()`: infinite while nothing has. */
  #dueMs = Number.POSITIVE_INFINITY;
  #flushing: NodeJS.Timeout | undefined;
  #fault: LedgerFault | undefined;
  #deaf: LedgerFault | undefined;
  #closed: Promise<void> | undefined;

  constructor(worker: Worker, options: LedgerOptions) {
    this.#options = options;
    this.#worker = worker;
    const opening = Promise.withResolvers<void>();
    this.opened = opening.promise;
    worker.on('message', (message: FromWorker) => this.#receive(message, opening));
    worker.on('error', (error) => {
      opening.reject(new TollcastError('ledger-failed', `the ledger cannot be written: ${messageOf(error)}`, { cause: error }));
      this.#fail('ledger-failed', messageOf(error));
    });
    worker.on('exit', () => {
      this.#phase = 'closed';
      this.#rejectAll('ledger-closed', 'the ledger was closed before this entry was written');
      this.#exited.resolve();
    });
  }

  get state(): LedgerState {
    const waiting = this.#queue.length + this.#sent.length;
    return { waiting, ...(this.#fault && { fault: this.#fault }), ...(this.#deaf && { deaf: this.#deaf }) };
  }

  append(entry: Entry, patienceMs = 0): Promise<Entered> {
    const { clock, maxWaiting = 100_000, groupCommitMs = GROUP_COMMIT_MS } = this.#options;
    if (this.#phase !== 'open') return rejected('ledger-closed', 'the ledger is closed');
    if (this.state.waiting >= maxWaiting) {
      return rejected(
        'ledger-full',
        `${maxWaiting} entries are waiting for the disk already (${this.#fault?.message ?? 'it is slow'})`,
      );
    }
    const body = bodyOf(entry);
    if (body.length > MAX_BODY_CHARS)
      return rejected('entry-refused', `a ${entry.kind} entry of ${body.length} characters is too long`);
    const { promise, resolve, reject } = Promise.withResolvers<Entered>();
    this.#queue.push({ entry, body, monoMs: clock.nowMs(), resolve, reject });
    this.#dueWithin(Math.max(groupCommitMs, patienceMs));
    return promise;
  }

  onForeign(listener: (entered: Entered) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#phase === 'closed') return;
    this.#phase = 'closing';
    this.#post({ type: 'hurry' });
    const deadline = setTimeout(() => {
      this.#options.log.error(
        { waiting: this.state.waiting, fault: this.#fault },
        'ledger closed with entries that could not be written',
      );
      void this.#worker.terminate();
    }, this.#options.closeMs ?? 3_000);
    clearTimeout(this.#flushing);
    this.#flush();
    await this.#exited.promise;
    clearTimeout(deadline);
  }

  #dueWithin(withinMs: number): void {
    const dueMs = performance.now() + withinMs;
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    // While the worker has a batch, its answer comes first.
    if (this.#sent.length === 0) this.#flushInTime();
  }

  #flushInTime(): void {
    clearTimeout(this.#flushing);
    const inMs = this.#dueMs - performance.now();
    if (inMs <= 0 || this.#phase === 'closing') this.#flush();
    else if (this.#queue.length > 0) this.#flushing = setTimeout(() => this.#flush(), inMs);
  }

  /** Hands the worker what has gathered, unless it has a batch already. */
  #flush(): void {
    if (this.#sent.length > 0) return;
    if (this.#queue.length === 0) {
      if (this.#phase === 'closing') this.#post({ type: 'close' });
      return;
    }
    let chars = 0;
    let count = 0;
    while (count < this.#queue.length && count < MAX_BATCH_ENTRIES && chars < MAX_BATCH_CHARS)
      chars += this.#queue[count++]?.body.length ?? 0;
    this.#sent = this.#queue.splice(0, count);
    // What did not fit follows at once.
    this.#dueMs = this.#queue.length > 0 ? 0 : Number.POSITIVE_INFINITY;
    this.#post({
      type: 'commit',
      batch: {
        kinds: this.#sent.map(({ entry }) => entry.kind),
        bodies: this.#sent.map(({ body }) => body),
        monoMs: this.#sent.map(({ monoMs }) => monoMs),
      },
    });
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker, opening: PromiseWithResolvers<void>): void {
    switch (message.type) {
      case 'opened':
        this.#phase = 'open';
        opening.resolve();
        return;
      case 'not-opened':
        opening.reject(new TollcastError(message.code, message.message));
        return;
      case 'committed':
        this.#commit(message.firstSeq, Buffer.from(message.hashes.buffer, message.hashes.byteOffset, message.hashes.byteLength));
        return;
      case 'refused': {
        const [refused] = this.#sent.splice(0, 1);
        this.#options.log.error({ kind: refused?.entry.kind, reason: message.message }, 'ledger refused an entry');
        refused?.reject(
          new TollcastError('entry-refused', `a ${refused.entry.kind} entry cannot be written: ${message.message}`),
        );
        if (this.#sent.length === 0) this.#flushInTime();
        return;
      }
      case 'failed':
        this.#fail(message.code, message.message);
        return;
      case 'foreign':
        for (const entered of message.entered) for (const listener of this.#listeners) listener(entered);
        return;
      case 'unreadable':
        this.#options.log.warn(
          { seq: message.seq, kind: message.kind, reason: message.what },
          'ledger has an entry of another writer that cannot be read',
        );
        return;
      case 'deaf':
        this.#becomeDeaf(message.code, message.message);
        return;
      case 'hears':
        this.#hearAgain();
        return;
      case 'closed':
        return; // the thread's exit follows
      default:
        unreachable(message);
    }
  }

  #commit(firstSeq: number, hashes: Buffer): void {
    const { clock, log } = this.#options;
    if (this.#fault !== undefined) {
      log.info({ faultMs: clock.nowMs() - this.#fault.sinceMs, waiting: this.state.waiting }, 'ledger writes again');
      this.#fault = undefined;
    }
    const committed = this.#sent.splice(0, hashes.length / HASH_BYTES);
    if (this.#sent.length === 0) this.#flushInTime();
    committed.forEach(({ entry, monoMs, resolve }, index) => {
      const at = index * HASH_BYTES;
      const hash = hashes.toString('hex', at, at + HASH_BYTES);
      resolve({ seq: firstSeq + index, boot: clock.boot, monoMs, wallMs: wallMsOf(clock, monoMs), entry, hash });
    });
  }

  #fail(code: string, message: string): void {
    const { clock, log, file } = this.#options;
    if (this.#fault === undefined)
      log.error(
        { file, code, reason: message, waiting: this.state.waiting },
        'ledger cannot write: entries wait and no gate opens; it goes on by itself once it can',
      );
    this.#fault = { code, message, sinceMs: this.#fault?.sinceMs ?? clock.nowMs() };
  }

  #becomeDeaf(code: string, message: string): void {
    const { clock, log, file } = this.#options;
    this.#deaf = { code, message, sinceMs: clock.nowMs() };
    log.error(
      { file, code, reason: message },
      'ledger cannot read what other writers entered: programs, stream keys and credentials stay as they are; it is tried again by itself',
    );
  }

  #hearAgain(): void {
    const { clock, log } = this.#options;
    if (this.#deaf !== undefined)
      log.info({ deafMs: clock.nowMs() - this.#deaf.sinceMs }, 'ledger reads what other writers entered again');
    this.#deaf = undefined;
  }

  #rejectAll(code: string, message: string): void {
    for (const { reject } of [...this.#sent.splice(0), ...this.#queue.splice(0)]) reject(new TollcastError(code, message));
  }
}

const rejected = (code: string, message: string): Promise<never> => Promise.reject(new TollcastError(code, message));
