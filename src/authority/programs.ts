import { timingSafeEqual } from 'node:crypto';
import type { StreamKeyRefusal } from '../encryptor/key-source.ts';
import type { Entry } from '../ledger/entry.ts';
import type { ProgramRecord } from '../ledger/ledger.ts';

/** The programs on sale, as the ledger has them, kept up to date from its entries. */
export class Programs {
  readonly #read: () => readonly ProgramRecord[];
  #programs = new Map<string, ProgramRecord>();

  /** @param read all of them, from the ledger */
  constructor(read: () => readonly ProgramRecord[]) {
    this.#read = read;
    this.refresh();
  }

  /** For when an answer would be a refusal: what was added a moment ago may not have been heard of yet. */
  refresh(): void {
    this.#programs = new Map(this.#read().map((program) => [program.name, program]));
  }

  get(name: string): ProgramRecord | undefined {
    return this.#programs.get(name);
  }

  /** The same, where the ledger is asked before it is said that there is none. */
  find(name: string): ProgramRecord | undefined {
    if (!this.#programs.has(name)) this.refresh();
    return this.#programs.get(name);
  }

  /** Why a stream key does not open a program to a broadcaster; undefined if it does. @param streamKeyHash SHA-256, hex */
  verify(name: string, streamKeyHash: string): StreamKeyRefusal | undefined {
    if (!this.opens(name, streamKeyHash)) this.refresh();
    if (this.opens(name, streamKeyHash)) return undefined;
    if (this.get(name) === undefined) return { code: 'program-unknown', message: `there is no program ${name}` };
    return { code: 'stream-key-wrong', message: `that is not the stream key of ${name}` };
  }

  /** Whether a program exists and this is the SHA-256, hex, of its stream key; compared in constant time. */
  opens(name: string, streamKeyHash: string): boolean {
    const known = this.#programs.get(name);
    if (known === undefined) return false;
    const [shown, stored] = [Buffer.from(streamKeyHash, 'hex'), Buffer.from(known.streamKeyHash, 'hex')];
    return shown.length === stored.length && timingSafeEqual(shown, stored);
  }

  all(): readonly ProgramRecord[] {
    return [...this.#programs.values()];
  }

  apply(entry: Entry): void {
    if (entry.kind === 'program-added') {
      const { program: name, title, tariff, streamKeyHash } = entry;
      this.#programs.set(name, { name, title, tariff, streamKeyHash });
    } else if (entry.kind === 'program-rekeyed') {
      const known = this.#programs.get(entry.program);
      if (known !== undefined) this.#programs.set(entry.program, { ...known, streamKeyHash: entry.streamKeyHash });
    } else if (entry.kind === 'program-removed') {
      this.#programs.delete(entry.program);
    }
  }
}
