import type { Random } from '../../sim/random.ts';
import { mutatedBytes, mutatedJson, mutatedText } from '../mutation.ts';

const KEPT_TEXTS = 60;

/** From where on, of ways from 0 to 1, a text that was said before is changed in which way; below the first it is repeated. */
interface Ways {
  readonly json: number;
  readonly jws: number;
  readonly text: number;
  readonly bytes: number;
}

/** What was said and was right, to be said again in other forms. */
export class Said {
  readonly #texts: string[] = [];
  readonly #ways: Ways;

  constructor(ways: Ways) {
    this.#ways = ways;
  }

  keep(random: Random, text: string): string {
    if (this.#texts.length < KEPT_TEXTS) this.#texts.push(text);
    else this.#texts[random.between(0, KEPT_TEXTS - 1)] = text;
    return text;
  }

  /**
   * @param others what was said besides
   * @param withMutatedJws changes what is signed in a message
   */
  again(
    random: Random,
    way: number,
    others: readonly string[],
    withMutatedJws: (message: Record<string, unknown>) => object,
  ): string | Uint8Array {
    const text = random.pick([...this.#texts, ...others]);
    if (way < this.#ways.json) return text;
    if (way < this.#ways.jws) return JSON.stringify(mutatedJson(random, JSON.parse(text))) ?? '';
    if (way < this.#ways.text) return JSON.stringify(withMutatedJws(JSON.parse(text)));
    return way < this.#ways.bytes ? mutatedText(random, text) : mutatedBytes(random, Buffer.from(text));
  }
}
