import { type TollcastError, unreachable } from '../errors.ts';
import type { Waiting } from '../viewer/admission.ts';
import type { ViewingEnd } from '../viewer/end.ts';
import type { ViewerState } from '../viewer/state.ts';
import type { EndReason } from '../viewing/end-reason.ts';
import { formatAbout } from './figures.ts';

/** What the page says, in one place. */
export interface Wording {
  readonly heading: string;
  readonly text: string;
}

export function stateWords(state: ViewerState): string {
  switch (state) {
    case 'connecting':
      return 'Connecting';
    case 'waiting-for-turn':
      return 'Waiting for your turn';
    case 'waiting-for-key':
      return 'Getting the key';
    case 'waiting-for-media':
      return 'Waiting for the picture';
    case 'watching':
      return 'Live';
    case 'away':
      return 'Broadcaster away';
    case 'reconnecting':
      return 'Reconnecting';
    case 'stopping':
      return 'Stopping';
    case 'ended':
      return 'Ended';
    default:
      return unreachable(state);
  }
}

/** In the order of their coming, and without a charge: said to those who have to wait for their turn. */
export function waitingWords({ ahead, expectedMs }: Waiting, locale?: string): Wording {
  const before = ahead === 0 ? 'You are next' : `${ahead.toLocaleString(locale)} before you, ${formatAbout(expectedMs)}`;
  return { heading: 'Many want to watch now', text: `${before}. It begins by itself. Nothing is charged while you wait.` };
}

export function endWords(reason: EndReason): Wording {
  switch (reason) {
    case 'stopped':
      return { heading: 'You stopped watching', text: 'The meter stopped at once.' };
    case 'broadcast-ended':
      return { heading: 'The broadcast has ended', text: 'Thank you for watching.' };
    case 'program-removed':
      return { heading: 'This program was taken off', text: 'It is no longer offered here.' };
    case 'shutdown':
      return { heading: 'The server was shut down', text: 'You can watch again once it is back.' };
    case 'credit-exhausted':
      return { heading: 'Your credit is used up', text: 'Watching goes on when you have topped it up.' };
    case 'revoked':
      return { heading: 'Your access was withdrawn', text: 'Ask whoever gave you the link.' };
    case 'superseded':
      return { heading: 'You are watching elsewhere', text: 'A newer viewing of yours took the place of this one.' };
    case 'too-slow':
      return { heading: 'Your connection was too slow', text: 'The picture could not keep up, so the meter was stopped.' };
    case 'unconfirmed':
    case 'disconnected':
    case 'interrupted':
      return { heading: 'The connection was lost', text: 'You were charged only up to the last confirmed key.' };
    default:
      return unreachable(reason);
  }
}

const NEW_LINK = 'Go back to where you found this link and open it again.';

const PROBLEMS: Readonly<Record<string, Wording>> = {
  'no-token': { heading: 'This link is incomplete', text: `It carries no access token. ${NEW_LINK}` },
  'bad-address': { heading: 'This is not a watch link', text: NEW_LINK },
  'token-expired': { heading: 'This link has expired', text: NEW_LINK },
  'token-invalid': { heading: 'This link is not valid', text: `Its access token was not accepted. ${NEW_LINK}` },
  'token-wrong-program': { heading: 'This link is for another program', text: NEW_LINK },
  'device-not-allowed': { heading: 'This link is for another device', text: 'Open it on the device that it was made for.' },
  'program-unknown': { heading: 'There is no such program', text: 'Check the address, or ask whoever gave you the link.' },
  'credit-exhausted': { heading: 'Your credit is used up', text: 'Top it up to go on watching.' },
  'viewing-limit': {
    heading: 'You are watching elsewhere already',
    text: 'Stop it there, then try again here.',
  },
  'too-many-viewings': {
    heading: 'Every seat is taken',
    text: 'The server takes no more viewers at the moment. Try again later.',
  },
  'resume-invalid': { heading: 'The connection was lost', text: 'It took too long to come back, so the viewing was ended.' },
  unavailable: { heading: 'The server is busy', text: 'Try again in a moment.' },
  unreachable: { heading: 'The server cannot be reached', text: 'Check your connection, then try again.' },
  'media-unreachable': {
    heading: 'The picture cannot be reached',
    text: 'Your connection may be blocking it. The meter was stopped.',
  },
  'insecure-context': {
    heading: 'This page needs HTTPS',
    text: 'The picture is decrypted in your browser, and browsers offer that over a secure connection only. Open this page with an address that begins with https://.',
  },
  'no-mse': {
    heading: 'This browser cannot play live video',
    text: 'It lacks Media Source Extensions. A current Chrome, Edge, Firefox or Safari has them.',
  },
  'cannot-decode': {
    heading: 'This browser cannot play this format',
    text: 'Another browser may be able to. The viewing was stopped, and with it the meter.',
  },
};

/** What to say of an error, by its code; of an unknown one, what it says itself. Only the server knows why it is not right now, and for how long. */
export const problemWords = ({ code, message }: Pick<TollcastError, 'code' | 'message'>): Wording =>
  code === 'try-later'
    ? { heading: 'Not right now', text: `${message.charAt(0).toUpperCase()}${message.slice(1)}.` }
    : (PROBLEMS[code] ?? { heading: 'Something went wrong', text: `${message} (${code})` });

export function endingWords(end: ViewingEnd): Wording {
  if (end.by === 'error') return problemWords(end.error);
  const { heading, text } = endWords(end.reason);
  return { heading, text: end.final ? text : `${text} The cost is provisional: the last seconds may still be added to it.` };
}
