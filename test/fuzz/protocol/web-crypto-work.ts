import { setImmediate } from 'node:timers/promises';

const METHODS = [
  'decrypt',
  'deriveBits',
  'deriveKey',
  'digest',
  'encrypt',
  'exportKey',
  'generateKey',
  'importKey',
  'sign',
  'verify',
];

type Method = (...given: unknown[]) => Promise<unknown>;

/**
 * WebCrypto answers when another thread has had the time. This counts what it has not answered yet, so that a target can wait for all
 * that follows from an input, and hand out time and inputs as its seed says.
 */
export class WebCryptoWork {
  readonly #prototype: Record<string, Method> = Object.getPrototypeOf(globalThis.crypto.subtle);
  readonly #real = new Map(METHODS.map((name) => [name, this.#prototype[name] as Method]));
  #underWay = 0;

  constructor() {
    const begin = () => this.#underWay++;
    const end = () => this.#underWay--;
    for (const [name, real] of this.#real) {
      this.#prototype[name] = function counted(this: unknown, ...given: unknown[]) {
        begin();
        const answer = real.apply(this, given);
        answer.then(end, end);
        return answer;
      };
    }
  }

  /** Nothing is under way any more, and what waited for it has run. */
  async done(): Promise<void> {
    do await setImmediate();
    while (this.#underWay > 0);
  }

  close(): void {
    for (const [name, real] of this.#real) this.#prototype[name] = real;
  }
}
