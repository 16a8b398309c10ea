import type { Clock } from '../clock.ts';
import { checkSecret } from '../keys/secret-proof.ts';
import type { Entry } from '../ledger/entry.ts';
import type { EncryptorRecord } from '../ledger/ledger.ts';

/** How often the ledger is read at most because somebody came with a proof that is wrong. */
const REFRESH_EVERY_MS = 1_000;

/** Which encryptors elsewhere may ask for keys, as the ledger has it, kept up to date from its entries. */
export class EncryptorCredentials {
  readonly #read: () => readonly EncryptorRecord[];
  readonly #clock: Pick<Clock, 'nowMs'>;
  #encryptors: Map<string, EncryptorRecord>;
  #refreshedMs = Number.NEGATIVE_INFINITY;

  /** @param read all of them, from the ledger */
  constructor(read: () => readonly EncryptorRecord[], clock: Pick<Clock, 'nowMs'>) {
    this.#read = read;
    this.#clock = clock;
    this.#encryptors = this.#fresh();
  }

  /**
   * The encryptor that a proof is good for. @param statement what was proved with it
   * @returns undefined where there is none by that name, or its secret is another
   */
  proven(name: string, statement: string, proof: string): EncryptorRecord | undefined {
    return this.#check(name, statement, proof) ?? this.#checkAfresh(name, statement, proof);
  }

  apply(entry: Entry): void {
    if (entry.kind === 'encryptor-added') {
      const { encryptor: name, programs, secretHash } = entry;
      this.#encryptors.set(name, { name, programs, secretHash });
    } else if (entry.kind === 'encryptor-revoked') {
      this.#encryptors.delete(entry.encryptor);
    }
  }

  #check(name: string, statement: string, proof: string): EncryptorRecord | undefined {
    const known = this.#encryptors.get(name);
    return known !== undefined && checkSecret(known.secretHash, statement, proof) ? known : undefined;
  }

  /** What was added a moment ago may not have been heard of yet. Anybody can come with a proof that is wrong: not every one is looked up. */
  #checkAfresh(name: string, statement: string, proof: string): EncryptorRecord | undefined {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#refreshedMs + REFRESH_EVERY_MS) return undefined;
    this.#refreshedMs = nowMs;
    this.#encryptors = this.#fresh();
    return this.#check(name, statement, proof);
  }

  #fresh(): Map<string, EncryptorRecord> {
    return new Map(this.#read().map((encryptor) => [encryptor.name, encryptor]));
  }
}
