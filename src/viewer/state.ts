/** What a client is doing, for whoever watches it. */
export type ViewerState =
  /** Reaching the server, or waiting for it to accept the viewing. */
  | 'connecting'
  /** Many want to watch at once, and the server takes one after another. */
  | 'waiting-for-turn'
  /** Accepted; the first key is on its way or its receipt not yet confirmed. */
  | 'waiting-for-key'
  /** The first key is confirmed; no chunk has been opened yet. */
  | 'waiting-for-media'
  | 'watching'
  /** The broadcaster went away for a moment; nothing is charged. */
  | 'away'
  /** A socket was lost and is being opened again. */
  | 'reconnecting'
  /** `stop` is on its way. */
  | 'stopping'
  | 'ended';

/** From what a client knows of its sockets to the one state it shows. */
export interface ViewerFacts {
  readonly control: 'connecting' | 'waiting' | 'open' | 'lost';
  readonly media: 'none' | 'flowing' | 'lost';
  /** Whether any epoch's receipt has been confirmed. */
  readonly confirmed: boolean;
  readonly away: boolean;
  readonly stopping: boolean;
  readonly ended: boolean;
}

export function viewerState(facts: ViewerFacts): ViewerState {
  if (facts.ended) return 'ended';
  if (facts.stopping) return 'stopping';
  if (facts.control === 'connecting') return 'connecting';
  if (facts.control === 'waiting') return 'waiting-for-turn';
  if (facts.control === 'lost') return 'reconnecting';
  if (!facts.confirmed) return 'waiting-for-key';
  if (facts.away) return 'away';
  if (facts.media === 'lost') return 'reconnecting';
  return facts.media === 'flowing' ? 'watching' : 'waiting-for-media';
}
