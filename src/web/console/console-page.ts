import { systemClock, systemTimers } from '../../clock.ts';
import type { LiveViewing } from '../../protocol/live-viewing.ts';
import { Confirmation } from './confirmation.ts';
import { answerOf, type ConsoleState, stateAfterFailure } from './console-state.ts';
import { ConsoleView } from './console-view.ts';
import type { OperatorApi } from './operator-api.ts';
import { overviewOf } from './overview.ts';
import { Poll } from './poll.ts';
import type { ViewingLine } from './viewing-row.ts';
import { ViewingsPanel } from './viewings-panel.ts';

/** The operator's console: asks the relay each second, shows what it said, revokes viewings. */
export class ConsolePage {
  readonly #api: OperatorApi | undefined;
  readonly #clock = systemClock();
  readonly #view = new ConsoleView();
  readonly #viewings = new ViewingsPanel({ selected: () => this.#showFigures(), revoke: (viewing) => this.#confirm(viewing) });
  readonly #confirmation = new Confirmation();
  readonly #poll: Poll;
  /** Viewings that the relay was asked to revoke and that it has not said to be gone. */
  readonly #revoking = new Set<string>();
  #state: ConsoleState = { phase: 'loading' };

  /** @param api undefined if the page's address has no token */
  constructor(api: OperatorApi | undefined) {
    this.#api = api;
    this.#poll = new Poll({
      clock: this.#clock,
      timers: systemTimers,
      isVisible: () => document.visibilityState === 'visible',
      ask: () => this.#ask(),
    });
  }

  open(): void {
    if (this.#api === undefined) this.#show({ phase: 'no-token' });
    else this.#poll.wake();
  }

  /** The page may have come into view, or the network back. */
  wake(): void {
    if (this.#api !== undefined) this.#poll.wake();
  }

  async #ask(): Promise<void> {
    try {
      const snapshot = await this.#api?.snapshot();
      // A revocation may have been refused meanwhile: that the token is no longer good is final.
      if (snapshot !== undefined && this.#state.phase !== 'refused')
        this.#show({ phase: 'live', answer: { ...snapshot, atMs: Date.now() } });
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#show(stateAfterFailure(this.#state, error, Date.now()));
    if (this.#state.phase === 'refused') this.#poll.stop();
  }

  #show(state: ConsoleState): void {
    this.#state = state;
    this.#view.show(state);
    this.#showFigures();
  }

  #showFigures(): void {
    const answer = answerOf(this.#state);
    if (answer === undefined) return;
    const underWay = new Set(answer.viewings.map(({ viewing }) => viewing));
    for (const viewing of this.#revoking) if (!underWay.has(viewing)) this.#revoking.delete(viewing);
    const overview = overviewOf(answer);
    this.#view.showOverview(overview, this.#clock.nowMs());
    this.#viewings.show(answer.viewings, overview, (viewing) => this.#revocationOf(viewing));
  }

  #revocationOf({ viewing }: LiveViewing): ViewingLine['revocation'] {
    if (this.#state.phase !== 'live') return 'impossible';
    return this.#revoking.has(viewing) ? 'revoking' : 'possible';
  }

  #confirm(id: string): void {
    const viewing = answerOf(this.#state)?.viewings.find((one) => one.viewing === id);
    if (viewing !== undefined) this.#confirmation.ask(viewing, () => void this.#revoke(viewing));
  }

  async #revoke({ viewing, viewer, program }: LiveViewing): Promise<void> {
    this.#revoking.add(viewing);
    this.#showFigures();
    try {
      await this.#api?.revoke(viewing);
      this.#viewings.tell(`${viewer}’s viewing of ${program} was revoked.`, false);
    } catch (error) {
      this.#revoking.delete(viewing);
      this.#viewings.tell(`The relay did not confirm that ${viewer}’s viewing of ${program} was revoked.`, true);
      this.#failed(error);
    }
  }
}
