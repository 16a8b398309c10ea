import { checkSecret } from '../keys/secret-proof.ts';
import type { Entry } from '../ledger/entry.ts';
import type { EncryptorRecord } from '../ledger/ledger.ts';

/** Which encryptors elsewhere may ask for keys, as the ledger has it, kept up to date from its entries. */
export class EncryptorCredentials {
  readonly #read: () => readonly EncryptorRecord[];
  #encryptors = new Map<string, EncryptorRecord>();

  /** @param read all of them, from the ledger */
  constructor(read: () => readonly EncryptorRecord[]) {
    this.#read = read;
    this.#refresh();
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

  /** What was added a moment ago may not have been heard of yet. */
  #checkAfresh(name: string, statement: string, proof: string): EncryptorRecord | undefined {
    this.#refresh();
    return this.#check(name, statement, proof);
  }

  #refresh(): void {
    this.#encryptors = new Map(this.#read().map((encryptor) => [encryptor.name, encryptor]));
  }
}
