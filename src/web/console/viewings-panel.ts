import { systemTimers } from '../../clock.ts';
import type { LiveViewing } from '../../protocol/live-viewing.ts';
import { find, setText } from '../elements.ts';
import { formatAmounts } from './amounts.ts';
import { count, countOf, emptyWords } from './console-wording.ts';
import { KeyedRows } from './keyed-rows.ts';
import { chargedOf, ORDERS, type Overview, type Selection, select } from './overview.ts';
import { type ViewingLine, viewingRow } from './viewing-row.ts';

/** Beyond it, whoever looks for somebody had better type a name. */
const MAX_ROWS = 1_000;
/** How long it says that a revocation succeeded; one that failed stays to be read. */
const OUTCOME_SHOWN_MS = 15_000;

export interface PanelActions {
  /** Another selection is wanted. */
  selected(): void;
  /** The operator pressed a viewing's Revoke button. */
  revoke(viewing: string): void;
}

export type RevocationOf = (viewing: LiveViewing) => ViewingLine['revocation'];

/** The viewings under way, found by viewer, each with its button. */
export class ViewingsPanel {
  readonly #table = find('viewings-table', HTMLTableElement);
  readonly #summary = find('summary', HTMLElement);
  readonly #outcome = find('outcome', HTMLElement);
  readonly #choices = find('choices', HTMLElement);
  readonly #none = find('no-viewings', HTMLElement);
  readonly #viewer = find('viewer', HTMLInputElement);
  readonly #order = find('order', HTMLSelectElement);
  readonly #rows: KeyedRows<ViewingLine>;
  #cancelHiding: (() => void) | undefined;

  constructor(actions: PanelActions) {
    const body = find('viewings', HTMLElement);
    const heading = find('viewings-heading', HTMLElement);
    this.#rows = new KeyedRows(body, {
      keyOf: ({ viewing }) => viewing.viewing,
      make: viewingRow,
      focusLost: () => heading.focus({ preventScroll: true }),
    });
    this.#viewer.addEventListener('input', () => actions.selected());
    this.#order.addEventListener('change', () => actions.selected());
    body.addEventListener('click', ({ target }) => {
      const button = target instanceof Element ? target.closest('button') : null;
      const viewing = button?.closest<HTMLElement>('[data-viewing]')?.dataset.viewing;
      if (viewing !== undefined && button?.getAttribute('aria-disabled') === 'false') actions.revoke(viewing);
    });
  }

  show(viewings: readonly LiveViewing[], overview: Overview, revocationOf: RevocationOf): void {
    const selected = select(viewings, this.#selection);
    const shown = selected.slice(0, MAX_ROWS);
    this.#rows.show(shown.map((viewing) => ({ viewing, revocation: revocationOf(viewing) })));
    // Never taken away from under the hands of whoever uses them.
    this.#choices.hidden =
      viewings.length === 0 && this.#selection.viewer === '' && !this.#choices.contains(document.activeElement);
    this.#table.hidden = shown.length === 0;
    this.#none.hidden = shown.length > 0;
    setText(this.#none, emptyWords(overview, this.#selection));
    this.#summary.hidden = selected.length === 0 || shown.length === viewings.length;
    setText(this.#summary, summaryOf(selected, viewings.length));
  }

  /** What became of a revocation. */
  tell(text: string, failed: boolean): void {
    this.#cancelHiding?.();
    this.#cancelHiding = failed ? undefined : systemTimers.after(OUTCOME_SHOWN_MS, () => this.#hideOutcome());
    this.#outcome.hidden = false;
    this.#outcome.dataset.failed = String(failed);
    setText(this.#outcome, text);
  }

  #hideOutcome(): void {
    this.#outcome.hidden = true;
  }

  get #selection(): Selection {
    return { viewer: this.#viewer.value, order: ORDERS.find((order) => order === this.#order.value) ?? 'viewer' };
  }
}

function summaryOf(selected: readonly LiveViewing[], total: number): string {
  const which = `${count(selected.length)} of ${countOf(total, 'viewing')}`;
  const cut = selected.length > MAX_ROWS ? ` · only the first ${count(MAX_ROWS)} are listed` : '';
  return `${which} · ${formatAmounts(chargedOf(selected))}${cut}`;
}
