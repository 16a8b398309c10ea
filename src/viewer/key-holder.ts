import { WebSFrameOpener } from '../sframe/web.ts';
import { MAX_HELD_KEYS } from './limits.ts';

/** The content keys that a viewing holds, each as what opens the chunks of its epoch. In memory only. */
export class KeyHolder {
  readonly #openers = new Map<number, WebSFrameOpener>();

  /** Takes an epoch's content key, unless one is held, and overwrites the caller's copy. */
  async hold(epoch: number, contentKey: Uint8Array): Promise<void> {
    const opener = await WebSFrameOpener.create(epoch, contentKey);
    contentKey.fill(0);
    if (!this.#openers.has(epoch)) this.#openers.set(epoch, opener);
    const oldest = Math.min(...this.#openers.keys());
    if (this.#openers.size > MAX_HELD_KEYS) this.#openers.delete(oldest);
  }

  openerOf(epoch: number): WebSFrameOpener | undefined {
    return this.#openers.get(epoch);
  }

  /** Once a chunk of `epoch` is open, what came before it can no longer arrive: epochs only grow. */
  dropBefore(epoch: number): void {
    for (const held of this.#openers.keys()) if (held < epoch) this.#openers.delete(held);
  }

  clear(): void {
    this.#openers.clear();
  }
}
