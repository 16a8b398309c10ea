import type { ConsoleState } from './console-state.ts';
import type { Overview, Selection, ViewingStatus } from './overview.ts';

const NEW_TOKEN = 'Make one with “tollcast token operator” on the relay’s host, and open this page with it: /console#token=…';

const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const wholeNumber = new Intl.NumberFormat();

export interface Notice {
  readonly heading: string;
  readonly text: string;
}

/** What the operator should know before any figure; undefined if there is nothing. */
export function noticeOf(state: ConsoleState): Notice | undefined {
  switch (state.phase) {
    case 'loading':
      return undefined;
    case 'live': {
      const { health } = state.answer;
      return health.ready ? undefined : { heading: 'The relay is not ready for viewers and broadcasters', text: health.reason };
    }
    case 'no-token':
      return { heading: 'This link has no operator token', text: NEW_TOKEN };
    case 'refused': {
      const heading = state.expired ? 'The operator token has expired' : 'The operator token was not accepted';
      return { heading, text: `${asOf(state.last?.atMs)}${NEW_TOKEN}` };
    }
    case 'unreachable': {
      const heading = state.garbled
        ? `The relay’s answers have made no sense since ${time.format(state.sinceMs)}`
        : `The relay has been unreachable since ${time.format(state.sinceMs)}`;
      return { heading, text: `${asOf(state.last?.atMs)}It is asked again each second.` };
    }
  }
}

const asOf = (atMs: number | undefined): string =>
  atMs === undefined ? '' : `The figures below are from ${time.format(atMs)}. `;

/** The few words in the page's corner. */
export function healthWords(state: ConsoleState): { readonly mood: 'good' | 'bad' | 'unknown'; readonly text: string } {
  switch (state.phase) {
    case 'no-token':
    case 'refused':
      return { mood: 'unknown', text: 'No access' };
    case 'loading':
      return { mood: 'unknown', text: 'Connecting' };
    case 'unreachable':
      return { mood: 'bad', text: state.garbled ? 'Not understood' : 'Unreachable' };
    case 'live':
      return state.answer.health.ready ? { mood: 'good', text: 'Relay ready' } : { mood: 'bad', text: 'Relay not ready' };
  }
}

/** Instead of a table of viewings, while there is nothing to put into it. */
export function emptyWords({ programs, onAir, viewings }: Overview, { viewer }: Selection): string {
  if (viewings > 0) return `No viewer matches “${viewer.trim()}”.`;
  if (programs.length === 0) return 'Viewings appear here once there is a program and somebody watches it.';
  if (onAir === 0) return 'Nothing is on air. Viewings appear here once a broadcast has begun and somebody watches it.';
  return 'On air, and nobody is watching yet.';
}

export function statusWords(status: ViewingStatus): string {
  switch (status) {
    case 'starting':
      return 'Getting its key';
    case 'watching':
      return 'Connected';
    case 'reconnecting':
      return 'Reconnecting';
    case 'ending':
      return 'Ending';
  }
}

export const count = (number: number): string => wholeNumber.format(number);

export const countOf = (number: number, noun: string): string => `${count(number)} ${number === 1 ? noun : `${noun}s`}`;
