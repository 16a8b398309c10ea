import type { SpanMs } from '../../src/billing/viewing-record.ts';
import { Flag, type SealedChunk } from '../../src/media/chunk.ts';
import { FLV_HEADER_BYTES } from '../../src/media/flv.ts';
import { SFrameOpener } from '../../src/sframe/node.ts';
import { CHUNK_SUITE } from '../../src/sframe/suites.ts';
import type { Invariant } from './oracle.ts';
import { PICTURE_HEADER_BYTES } from './source.ts';
import type { SimProcess, SimTime } from './time.ts';

/** Chunks of older epochs are on their way to nobody. */
const EPOCHS_KEPT = 6;

interface Epoch {
  readonly run: string;
  readonly beganMs: number;
  /** From when on it counts by the ledger: without that an epoch confirms nothing. */
  recordedMs: number | undefined;
  lastCounter: number;
  readonly opener: SFrameOpener | undefined;
  /** By counter. */
  readonly chunks: Map<number, Buffer>;
}

/** Every key that an encryptor was given, every epoch that began and every chunk that was sealed, wherever that was. */
export class EpochWatch {
  readonly #time: SimTime;
  readonly #fail: (invariant: Invariant, what: string) => void;
  readonly #programs = new Map<string, Map<number, Epoch>>();
  /** Hex. */
  readonly #keys = new Map<string, { readonly name: string; readonly process: SimProcess }>();
  /** By program and epoch. */
  readonly #keyOf = new Map<string, string>();
  readonly #runs = new Map<string, SimProcess>();
  /** The last picture of each source in each run. */
  readonly #pictures = new Map<string, number>();
  /** The highest epoch of any program. */
  #last = 0;
  /** By process and program. */
  readonly #revokedMs = new Map<string, number>();

  constructor(time: SimTime, fail: (invariant: Invariant, what: string) => void) {
    this.#time = time;
    this.#fail = fail;
  }

  get keys(): ReadonlyMap<string, { readonly name: string }> {
    return this.#keys;
  }

  broadcastBegan(run: string, process: SimProcess): void {
    this.#runs.set(run, process);
  }

  /** An encryptor process is given a key. @returns whether it is a new one */
  keyMade(program: string, epoch: number, key: string, process: SimProcess): boolean {
    const name = `${program} ${epoch}`;
    const before = this.#keys.get(key);
    if (before !== undefined && before.name !== name) this.#fail(2, `the key of ${before.name} is that of ${name} too`);
    if (before !== undefined && before.process !== process) this.#fail(2, `two processes have the key of ${name}`);
    this.#keys.set(key, { name, process });
    this.#keyOf.set(name, key);
    return before === undefined;
  }

  began(program: string, epoch: number, run: string): void {
    const epochs = this.#epochs(program);
    this.#last = Math.max(this.#last, epoch);
    if (epochs.has(epoch)) this.#fail(2, `epoch ${epoch} of ${program} began twice`);
    const key = this.#keyOf.get(`${program} ${epoch}`);
    const opener = key === undefined ? undefined : new SFrameOpener(CHUNK_SUITE, epoch, Buffer.from(key, 'hex'));
    epochs.set(epoch, { run, beganMs: this.#time.nowMs, recordedMs: undefined, lastCounter: -1, opener, chunks: new Map() });
    epochs.get(epoch - EPOCHS_KEPT)?.chunks.clear();
  }

  /**
   * Its beginning is in the ledger.
   * @param slackMs by how much times from another host may be wrong
   * @param settledMs when a viewing of the program ended last: an epoch that is heard of after that counts from there
   */
  durable(program: string, epoch: number, recordedMs: number, slackMs: number, settledMs: number): void {
    const known = this.#programs.get(program)?.get(epoch);
    if (known === undefined) {
      this.#fail(5, `epoch ${epoch} of ${program} is said to have begun, and has not`);
      return;
    }
    known.recordedMs ??= recordedMs;
    const { beganMs } = known;
    if (recordedMs < beganMs - slackMs || recordedMs > Math.max(beganMs, settledMs) + slackMs)
      this.#fail(5, `epoch ${epoch} of ${program} is said to have begun at ${recordedMs} ms, and did at ${beganMs} ms`);
  }

  /** A chunk leaves an encryptor: what is in it came from a broadcaster that was let in. */
  sealed(program: string, { epoch, counter, flags, bytes }: SealedChunk, run: string): void {
    const known = this.#programs.get(program)?.get(epoch);
    if (known === undefined || known.run !== run) {
      this.#fail(2, `a chunk of epoch ${epoch} of ${program} from ${run}`);
      return;
    }
    if (counter <= known.lastCounter) this.#fail(2, `counter ${counter} of epoch ${epoch} of ${program} again`);
    known.lastCounter = counter;
    known.chunks.set(counter, bytes);
    const plaintext = known.opener?.open(bytes.subarray(0, 1), bytes.subarray(1)).plaintext;
    if (plaintext !== undefined && (flags & Flag.preamble) === 0) this.#pictured(program, run, flags, plaintext);
  }

  /**
   * A chunk reaches a viewer.
   * @param heardMs when every edge has heard what was said at some time
   * @returns what is wrong with it
   */
  fault(program: string, epoch: number, counter: number, bytes: Buffer, heardMs: (saidMs: number) => number): string | undefined {
    const known = this.#programs.get(program)?.get(epoch);
    if (known === undefined) return `a chunk of epoch ${epoch}, which never began`;
    const sealed = known.chunks.get(counter);
    if (sealed !== undefined && !sealed.equals(bytes)) return `chunk ${counter} of epoch ${epoch}, which is another`;
    if (sealed === undefined && counter > known.lastCounter) return `chunk ${counter} of epoch ${epoch}, which was never sealed`;
    const revokedMs = this.#revokedMs.get(`${this.#runs.get(known.run)?.boot} ${program}`);
    if (revokedMs !== undefined && this.#time.nowMs > heardMs(revokedMs)) return `a chunk of an encryptor that was revoked`;
    return undefined;
  }

  /** The credential of an encryptor was revoked while it had these programs. */
  revoked(process: SimProcess, programs: readonly string[]): void {
    for (const program of programs) this.#revokedMs.set(`${process.boot} ${program}`, this.#time.nowMs);
  }

  /** When an epoch truly lasted, or as the ledger has it; undefined where it confirms nothing. */
  lasted(program: string, epoch: number, by: 'truth' | 'ledger' = 'truth'): SpanMs | undefined {
    const epochs = this.#programs.get(program);
    const known = epochs?.get(epoch);
    if (epochs === undefined || known?.recordedMs === undefined) return undefined;
    const fromMs = by === 'truth' ? known.beganMs : known.recordedMs;
    let next = epoch + 1;
    while (next <= this.#last && epochs.get(next)?.recordedMs === undefined) next++;
    const after = epochs.get(next);
    const toMs = (by === 'truth' ? after?.beganMs : after?.recordedMs) ?? this.#time.nowMs;
    return { fromMs, toMs: Math.max(fromMs, toMs) };
  }

  #pictured(program: string, run: string, flags: number, plaintext: Buffer): void {
    const from = plaintext.subarray(0, 3).toString() === 'FLV' ? FLV_HEADER_BYTES : 0;
    for (let at = from; at < plaintext.length; ) {
      const size = plaintext.readUIntBE(at + 1, 3);
      const text = plaintext.toString('latin1', at + 11 + PICTURE_HEADER_BYTES, at + 11 + size);
      at += size + 15;
      const [, source, of, number] = /^(broadcaster \d+) of (\w+) (\d+)$/.exec(text) ?? [];
      if (of !== program) this.#fail(9, `"${text}" was broadcast as ${program}`);
      const name = `${run} ${source}`;
      const isAgain = Number(number) <= (this.#pictures.get(name) ?? -1);
      if (isAgain && (flags & Flag.forJoiners) === 0) this.#fail(9, `"${text}" was broadcast twice, or out of order`);
      if (!isAgain) this.#pictures.set(name, Number(number));
    }
  }

  #epochs(program: string): Map<number, Epoch> {
    const known = this.#programs.get(program) ?? new Map<number, Epoch>();
    this.#programs.set(program, known);
    return known;
  }
}
