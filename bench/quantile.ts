/** Of many figures, the one below which this share of them is; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return ofSorted(sorted, share);
}

export interface Times {
  readonly count: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function timesOf(values: readonly number[]): Times {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    p50Ms: ofSorted(sorted, 0.5),
    p90Ms: ofSorted(sorted, 0.9),
    p99Ms: ofSorted(sorted, 0.99),
    maxMs: ofSorted(sorted, 1),
  };
}

const ofSorted = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
