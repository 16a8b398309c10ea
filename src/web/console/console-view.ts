import { find, setText } from '../elements.ts';
import { formatAmounts } from './amounts.ts';
import { answerOf, type ConsoleState } from './console-state.ts';
import { count, countOf, healthWords, noticeOf } from './console-wording.ts';
import { KeyedRows } from './keyed-rows.ts';
import type { Overview, ProgramFigures } from './overview.ts';
import { programRow } from './program-row.ts';

/** How often the totals are spoken: they change each second. */
const SPEAK_EVERY_MS = 15_000;

/** All of the console but the viewings. For those who test or style it, `#console` carries `data-state`, the state's phase. */
export class ConsoleView {
  readonly #root = find('console', HTMLElement);
  readonly #health = find('health', HTMLElement);
  readonly #healthText = find('health-text', HTMLElement);
  readonly #notice = find('notice', HTMLElement);
  readonly #noticeHeading = find('notice-heading', HTMLElement);
  readonly #noticeText = find('notice-text', HTMLElement);
  readonly #board = find('board', HTMLElement);
  readonly #viewings = find('total-viewings', HTMLElement);
  readonly #reconnecting = find('total-reconnecting', HTMLElement);
  readonly #charged = find('total-charged', HTMLElement);
  readonly #chargedNote = find('total-charged-note', HTMLElement);
  readonly #onAir = find('total-on-air', HTMLElement);
  readonly #programCount = find('total-programs', HTMLElement);
  readonly #spoken = find('spoken', HTMLElement);
  readonly #programsTable = find('programs-table', HTMLTableElement);
  readonly #noPrograms = find('no-programs', HTMLElement);
  readonly #programs: KeyedRows<ProgramFigures>;
  #spokenMs = Number.NEGATIVE_INFINITY;

  constructor() {
    const heading = find('programs-heading', HTMLElement);
    this.#programs = new KeyedRows(find('programs', HTMLElement), {
      keyOf: ({ program }) => program.name,
      make: programRow,
      focusLost: () => heading.focus({ preventScroll: true }),
    });
  }

  show(state: ConsoleState): void {
    this.#root.dataset.state = state.phase;
    const health = healthWords(state);
    this.#health.dataset.mood = health.mood;
    setText(this.#healthText, health.text);
    const notice = noticeOf(state);
    setText(this.#noticeHeading, notice?.heading ?? '');
    setText(this.#noticeText, notice?.text ?? '');
    this.#notice.hidden = notice === undefined;
    this.#board.hidden = answerOf(state) === undefined;
  }

  /** @param nowMs monotonic milliseconds */
  showOverview(overview: Overview, nowMs: number): void {
    const { programs, onAir, viewings, reconnecting } = overview;
    const charged = formatAmounts(overview.charged);
    setText(this.#viewings, count(viewings));
    setText(this.#reconnecting, reconnecting === 0 ? 'all of them connected' : `${count(reconnecting)} reconnecting`);
    this.#reconnecting.hidden = viewings === 0;
    setText(this.#charged, charged);
    this.#chargedNote.hidden = viewings === 0;
    setText(this.#onAir, count(onAir));
    setText(this.#programCount, `of ${countOf(programs.length, 'program')}`);
    this.#programs.show(programs);
    this.#programsTable.hidden = programs.length === 0;
    this.#noPrograms.hidden = programs.length > 0;
    if (nowMs - this.#spokenMs < SPEAK_EVERY_MS) return;
    this.#spokenMs = nowMs;
    setText(this.#spoken, `${countOf(viewings, 'viewing')}, charges running: ${charged}. ${count(onAir)} on air.`);
  }
}
