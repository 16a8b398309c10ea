import { constants } from 'node:os';
import { ExitCode } from './exit-code.ts';

export const ALL_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

type Signal = (typeof ALL_SIGNALS)[number];

/** The part of `process` that this needs. */
export interface SignalHost {
  on(signal: Signal, listener: (signal: Signal) => void): unknown;
  off(signal: Signal, listener: (signal: Signal) => void): unknown;
  exit(code: number): never;
}

interface InterruptionPorts {
  readonly signals?: readonly Signal[];
  readonly host?: SignalHost;
  readonly nowMs?: () => number;
}

/**
 * Ctrl-C under `npm start` arrives twice, from the terminal and from npm, which passes it on. Only what comes later than this is
 * a second demand.
 */
const SAME_DEMAND_MS = 500;

/**
 * Calls `stop` at the first signal to end; a second one ends the process at once, as it would without this. Returns what gives
 * the signals back.
 */
export function onInterruption(
  stop: () => void,
  { signals = ALL_SIGNALS, host = process, nowMs = () => performance.now() }: InterruptionPorts = {},
): () => void {
  let demandedAtMs: number | undefined;
  const demand = (signal: Signal) => {
    const atMs = nowMs();
    if (demandedAtMs === undefined) {
      demandedAtMs = atMs;
      stop();
    } else if (atMs - demandedAtMs > SAME_DEMAND_MS) {
      host.exit(ExitCode.signal + constants.signals[signal]);
    }
  };
  for (const signal of signals) host.on(signal, demand);
  return () => {
    for (const signal of signals) host.off(signal, demand);
  };
}
