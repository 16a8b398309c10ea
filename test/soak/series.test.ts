import { describe, expect, test } from '@jest/globals';
import { plotOf } from './plot.ts';
import { csv, type Sample, verdicts } from './series.ts';

const MIB = 1 << 20;

const STEADY: Omit<Sample, 'atMs'> = {
  residentBytes: 150 * MIB,
  heapBytes: 40 * MIB,
  handles: 300,
  viewings: 100,
  delayP50Ms: 10.1,
  delayP99Ms: 12,
  cpuSeconds: 1,
  ledgerWaiting: 0,
};

/** A figure that swings, as garbage collection lets it, and a share of it that comes with time. */
const run = (change: (share: number) => Partial<Sample> = () => ({})): Sample[] =>
  Array.from({ length: 400 }, (_, at) => ({
    ...STEADY,
    residentBytes: STEADY.residentBytes + (at % 7) * MIB,
    heapBytes: STEADY.heapBytes + (at % 5) * 4 * MIB,
    ...change(at / 400),
    atMs: at * 5_000,
  }));

const growing = (samples: readonly Sample[]): string[] =>
  verdicts(samples)
    .filter(({ flat }) => !flat)
    .map(({ what }) => what);

describe('a soak', () => {
  test('that swings is flat', () => expect(growing(run())).toEqual([]));

  test('whose first quarter is still warming up is flat', () =>
    expect(growing(run((share) => (share < 0.25 ? { residentBytes: 90 * MIB, handles: 20 } : {})))).toEqual([]));

  test.each<[string, (share: number) => Partial<Sample>]>([
    ['resident memory', (share) => ({ residentBytes: (150 + 40 * share) * MIB })],
    ['heap', (share) => ({ heapBytes: (40 + 15 * share) * MIB })],
    ['handles', (share) => ({ handles: 300 + 40 * share })],
    ['event-loop delay, p50', (share) => ({ delayP50Ms: 10 + 5 * share })],
    ['event-loop delay, p99', (share) => ({ delayP99Ms: 12 + 20 * share })],
    ['ledger entries waiting', (share) => ({ ledgerWaiting: 200 * share })],
  ])('shows that %s grows', (what, change) => expect(growing(run(change))).toEqual([what]));

  test('is written as a table and drawn as curves', () => {
    const samples = run();
    expect(csv(samples).split('\n')).toHaveLength(samples.length + 2);
    expect(plotOf(samples, 'title')).not.toMatch(/NaN|Infinity|undefined/);
  });
});
