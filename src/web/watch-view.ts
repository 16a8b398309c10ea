import type { ProgramInfo } from '../protocol/messages.ts';
import { formatTariff, formatTime } from './figures.ts';
import { cardOf, type PageState, stateName, statusOf } from './page-state.ts';

export interface ViewActions {
  /** The card's button. */
  act(): void;
  stop(): void;
}

/** What the meter shows. */
export interface MeterReading {
  readonly watchedMs: number;
  readonly billableSeconds: number;
  /** Decimal, in the major unit. */
  readonly amount: string;
  /** The same for people. */
  readonly cost: string;
}

type ElementClass<T> = new () => T;

function find<T extends Element>(id: string, type: ElementClass<T>): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/**
 * The watch page's elements. For those who test or style it, `#watch` carries `data-state` (stateName), `data-viewing`,
 * `data-epoch`, `data-billable-seconds`, `data-amount`, and at the end `data-end-reason` or `data-error-code`.
 */
export class WatchView {
  readonly video = find('video', HTMLVideoElement);
  readonly #root = find('watch', HTMLElement);
  readonly #statusText = find('status-text', HTMLElement);
  readonly #card = find('card', HTMLElement);
  readonly #cardHeading = find('card-heading', HTMLElement);
  readonly #cardText = find('card-text', HTMLElement);
  readonly #cardReceipt = find('card-receipt', HTMLElement);
  readonly #cardTime = find('card-time', HTMLElement);
  readonly #cardAmount = find('card-amount', HTMLElement);
  readonly #cardAction = find('card-action', HTMLButtonElement);
  readonly #wait = find('wait', HTMLElement);
  readonly #waitText = find('wait-text', HTMLElement);
  readonly #controls = find('controls', HTMLElement);
  readonly #title = find('title', HTMLElement);
  readonly #price = find('price', HTMLElement);
  readonly #time = find('time', HTMLElement);
  readonly #cost = find('cost', HTMLElement);
  readonly #costLabel = find('cost-label', HTMLElement);
  readonly #figures = find('figures', HTMLElement);
  readonly #key = find('key', HTMLElement);
  readonly #keyText = find('key-text', HTMLElement);
  readonly #stop = find('stop', HTMLButtonElement);

  constructor(actions: ViewActions) {
    this.#cardAction.addEventListener('click', () => actions.act());
    this.#stop.addEventListener('click', () => actions.stop());
  }

  show(state: PageState): void {
    const name = stateName(state);
    this.#root.dataset.state = name;
    document.documentElement.dataset.state = name;
    setText(this.#statusText, statusOf(state));
    this.#showProgram('program' in state ? state.program : undefined);
    this.#showCard(state);
    this.#showOutcome(state);
    const viewing = state.phase === 'viewing';
    const waiting = state.phase === 'loading' || (viewing && state.state !== 'watching');
    const hasCard = !this.#card.hidden;
    this.#wait.hidden = !waiting || hasCard;
    setText(this.#waitText, statusOf(state));
    // On a narrow page they would lie over the card.
    this.#controls.hidden = !viewing || hasCard;
    this.#stop.hidden = !viewing;
    this.#stop.disabled = viewing && state.state === 'stopping';
    this.#figures.hidden = !viewing && state.phase !== 'ended';
    this.#key.hidden = !viewing;
    setText(this.#costLabel, state.phase === 'ended' ? 'Cost' : 'Cost so far');
  }

  read(reading: MeterReading): void {
    const { dataset } = this.#root;
    dataset.billableSeconds = String(reading.billableSeconds);
    dataset.amount = reading.amount;
    // Rounded up, as the bill is: what stands beside the cost explains it.
    const time = formatTime(Math.ceil(reading.watchedMs / 1000));
    for (const element of [this.#time, this.#cardTime]) setText(element, time);
    for (const element of [this.#cost, this.#cardAmount]) setText(element, reading.cost);
  }

  #showProgram(program: ProgramInfo | undefined): void {
    if (program === undefined) return;
    document.title = `${program.title} · Tollcast`;
    setText(this.#title, program.title);
    setText(this.#price, formatTariff(program.tariff));
  }

  #showCard(state: PageState): void {
    const card = cardOf(state);
    const appears = this.#card.hidden && card !== undefined;
    this.#card.hidden = card === undefined;
    if (card === undefined) return;
    setText(this.#cardHeading, card.heading);
    setText(this.#cardText, card.text);
    setText(this.#cardAction, card.action ?? '');
    this.#cardAction.hidden = card.action === undefined;
    this.#cardReceipt.hidden = !card.receipt;
    // Whoever stopped by keyboard stands on a button that is disabled now.
    if (appears && state.phase === 'ended') this.#cardAction.focus({ preventScroll: true });
  }

  #showOutcome(state: PageState): void {
    const end = state.phase === 'ended' ? state.end : undefined;
    const error = end?.by === 'error' ? end.error : state.phase === 'problem' ? state.error : undefined;
    set(this.#root.dataset, 'endReason', end?.by === 'server' ? end.reason : undefined);
    set(this.#root.dataset, 'errorCode', error?.code);
  }

  showViewing(viewing: string | undefined): void {
    set(this.#root.dataset, 'viewing', viewing);
  }

  /** The last epoch whose key is confirmed, or that there is none yet. */
  showKey(epoch: number | undefined): void {
    set(this.#root.dataset, 'epoch', epoch === undefined ? undefined : String(epoch));
    const text = epoch === undefined ? 'No key yet' : `Key ${epoch} confirmed`;
    if (this.#keyText.textContent === text) return;
    setText(this.#keyText, text);
    this.#key.dataset.confirmed = String(epoch !== undefined);
    // Begins the animation anew for each key.
    this.#key.classList.remove('turned');
    void this.#key.offsetWidth;
    this.#key.classList.add('turned');
  }
}

/** Screen readers speak a live region whenever it is written to, be it with the same text. */
function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function set(dataset: DOMStringMap, name: string, value: string | undefined): void {
  if (value === undefined) delete dataset[name];
  else dataset[name] = value;
}
