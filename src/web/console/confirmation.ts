import type { LiveViewing } from '../../protocol/live-viewing.ts';
import { find, setText } from '../elements.ts';
import { formatAmount } from './amounts.ts';
import { timeOf } from './viewing-row.ts';

/** Asks before a viewing is revoked; Escape and the first button mean no. */
export class Confirmation {
  readonly #dialog = find('confirm', HTMLDialogElement);
  readonly #heading = find('confirm-heading', HTMLElement);
  readonly #text = find('confirm-text', HTMLElement);
  #agreed: (() => void) | undefined;

  constructor() {
    find('confirm-no', HTMLButtonElement).addEventListener('click', () => this.#dialog.close());
    find('confirm-yes', HTMLButtonElement).addEventListener('click', () => this.#agree());
    this.#dialog.addEventListener('close', () => {
      this.#agreed = undefined;
    });
  }

  ask(viewing: LiveViewing, agreed: () => void): void {
    this.#agreed = agreed;
    setText(this.#heading, `Revoke ${viewing.viewer}’s viewing of ${viewing.program}?`);
    setText(
      this.#text,
      `It ends at once. What it has come to, ${timeOf(viewing)} and ${formatAmount(viewing.usage)} so far, stays on the bill. A viewer whose token is still good can begin another one.`,
    );
    this.#dialog.showModal();
  }

  /** Once, however fast the button is pressed twice. */
  #agree(): void {
    const agreed = this.#agreed;
    this.#agreed = undefined;
    this.#dialog.close();
    agreed?.();
  }
}
