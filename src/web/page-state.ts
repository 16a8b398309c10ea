import type { TollcastError } from '../errors.ts';
import type { ProgramInfo } from '../protocol/messages.ts';
import type { Waiting } from '../viewer/admission.ts';
import type { ViewingEnd } from '../viewer/end.ts';
import type { ViewerState } from '../viewer/state.ts';
import { formatConsent, formatTariff, isFree } from './figures.ts';
import { endingWords, problemWords, stateWords, waitingWords } from './wording.ts';

/** What the watch page is showing. */
export type PageState =
  | { readonly phase: 'loading' }
  /** The program is live; the viewer is asked to consent to its price. `changed`: it is another than a moment ago. */
  | { readonly phase: 'offer'; readonly program: ProgramInfo; readonly changed: boolean }
  | { readonly phase: 'not-live'; readonly program: ProgramInfo }
  /** `waiting`: many want to watch at once, and this is where the viewer stands. */
  | {
      readonly phase: 'viewing';
      readonly program: ProgramInfo;
      readonly state: ViewerState;
      readonly waiting?: Waiting | undefined;
    }
  | { readonly phase: 'ended'; readonly program: ProgramInfo; readonly end: ViewingEnd }
  | { readonly phase: 'problem'; readonly error: TollcastError; readonly retry: boolean };

/** The card over the picture: why there is none, and what can be done about it. */
export interface Card {
  readonly heading: string;
  readonly text: string;
  readonly action: string | undefined;
  /** With what was watched and what it cost. */
  readonly receipt: boolean;
}

export function cardOf(state: PageState): Card | undefined {
  switch (state.phase) {
    case 'loading':
      return undefined;
    case 'viewing':
      return state.waiting === undefined ? undefined : { ...waitingWords(state.waiting), action: undefined, receipt: false };
    case 'offer': {
      const { tariff } = state.program;
      const heading = state.changed ? 'The price has changed' : 'On air now';
      const text = isFree(tariff)
        ? 'Watching costs nothing. You can stop at any time.'
        : `${formatTariff(tariff)}. You pay only for what you see, and can stop at any time.`;
      return { heading, text, action: formatConsent(tariff), receipt: false };
    }
    case 'not-live': {
      const text = 'This page notices by itself when it begins. Nothing is charged while you wait.';
      return { heading: 'Not on air yet', text, action: undefined, receipt: false };
    }
    case 'ended': {
      const action = state.end.by === 'server' && state.end.reason === 'program-removed' ? undefined : 'Watch again';
      return { ...endingWords(state.end), action, receipt: state.end.usage !== undefined };
    }
    case 'problem':
      return { ...problemWords(state.error), action: state.retry ? 'Try again' : undefined, receipt: false };
  }
}

/** The few words in the page's corner. */
export function statusOf(state: PageState): string {
  switch (state.phase) {
    case 'loading':
      return 'Loading';
    case 'offer':
      return 'Live now';
    case 'not-live':
      return 'Not on air yet';
    case 'viewing':
      return stateWords(state.state);
    case 'ended':
      return 'Ended';
    case 'problem':
      return 'Not available';
  }
}

/** For the page's `data-state`: the phase, or within a viewing what its client is doing. */
export const stateName = (state: PageState): string => (state.phase === 'viewing' ? state.state : state.phase);
