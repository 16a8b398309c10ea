import { FIRST_SILENCE_MS, LEAST_SILENCE_MS, SILENT_PERIODS } from './limits.ts';

/**
 * How often the server sends keys, as seen so far, and so for how long its silence is nothing to worry about. Epochs that come
 * two at a time say nothing about the period.
 */
export class KeyRhythm {
  #newest: { readonly epoch: number; readonly atMs: number } | undefined;
  #longestMs: number | undefined;

  /** The key of `epoch` came at `atMs` (monotonic milliseconds). */
  key(epoch: number, atMs: number): void {
    const before = this.#newest;
    if (before !== undefined && epoch <= before.epoch) return;
    const intervalMs = before === undefined ? 0 : atMs - before.atMs;
    if (intervalMs >= 1_000) this.#longestMs = Math.max(this.#longestMs ?? 0, intervalMs);
    this.#newest = { epoch, atMs };
  }

  get silenceMs(): number {
    if (this.#longestMs === undefined) return FIRST_SILENCE_MS;
    return Math.max(LEAST_SILENCE_MS, SILENT_PERIODS * this.#longestMs);
  }
}
