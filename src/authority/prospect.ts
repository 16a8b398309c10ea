import type { SpanMs } from '../billing/viewing-record.ts';
import type { LiveBroadcast } from './live-broadcast.ts';
import type { ViewingSession } from './viewing-session.ts';

/**
 * Whatever was served so long before an epoch began has been reported: an edge reports every 2 s, and whenever the epoch changes.
 * The third second is for the way here.
 */
const REPORTED_WITHIN_MS = 3_000;

/**
 * The time in which a viewing may have been served and it has not been reported, or may yet be served by the keys that it was given,
 * confirmed or not: up to the end of the last one's epoch. The current epoch lasts from its beginning for `keyLifetimeMs`, a
 * period and the grace, at most: lead and spread lie within the period. A key of the next one is good for another lifetime from there.
 * Undefined `broadcast`: it is over.
 */
export function prospect(session: ViewingSession, broadcast: LiveBroadcast | undefined, nowMs: number): SpanMs {
  const beganMs = broadcast?.currentBeganMs ?? nowMs;
  const fromMs = beganMs - REPORTED_WITHIN_MS;
  if (broadcast === undefined || session.isOver) return { fromMs, toMs: session.state.end?.requestedMs ?? nowMs };
  const hasNext = session.state.keys.some(({ epoch }) => epoch > (broadcast.currentEpoch ?? 0));
  return { fromMs, toMs: beganMs + broadcast.keyLifetimeMs * (hasNext ? 2 : 1) };
}
