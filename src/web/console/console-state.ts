import { TollcastError } from '../../errors.ts';
import type { Snapshot } from './operator-api.ts';

/** What the relay said last, and when (milliseconds since 1970). */
export interface Answer extends Snapshot {
  readonly atMs: number;
}

/** What the console is showing. `last`: figures that are no longer current, if there ever were any. */
export type ConsoleState =
  | { readonly phase: 'no-token' }
  | { readonly phase: 'loading' }
  | { readonly phase: 'live'; readonly answer: Answer }
  /** Nothing, or nothing that can be understood, came since then; it is asked again each second. */
  | { readonly phase: 'unreachable'; readonly sinceMs: number; readonly garbled: boolean; readonly last: Answer | undefined }
  /** Asking again does not mend this. */
  | { readonly phase: 'refused'; readonly expired: boolean; readonly last: Answer | undefined };

/** What the console shows after the relay did not answer as hoped, at `nowMs`. */
export function stateAfterFailure(state: ConsoleState, error: unknown, nowMs: number): ConsoleState {
  const last = answerOf(state);
  const code = error instanceof TollcastError ? error.code : 'unexpected';
  if (code === 'token-expired' || code === 'token-invalid') return { phase: 'refused', expired: code === 'token-expired', last };
  const sinceMs = state.phase === 'unreachable' ? state.sinceMs : nowMs;
  return { phase: 'unreachable', sinceMs, garbled: code !== 'unreachable', last };
}

/** The figures to show, current or not. */
export function answerOf(state: ConsoleState): Answer | undefined {
  switch (state.phase) {
    case 'no-token':
    case 'loading':
      return undefined;
    case 'live':
      return state.answer;
    case 'unreachable':
    case 'refused':
      return state.last;
  }
}
