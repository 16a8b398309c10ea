import { COLOURS, type Curve, plot, roundUp } from '../plot/plot.ts';
import type { Sample } from './series.ts';

const MIB = 1 << 20;
const MINUTE_MS = 60_000;

/** How a relay fared over the minutes of a run, as SVG. */
export function plotOf(samples: readonly Sample[], title: string): string {
  const curve = (name: string, colour: string, read: (sample: Sample) => number): Curve => ({
    name,
    colour,
    points: samples.map((sample) => [sample.atMs / MINUTE_MS, read(sample)]),
  });
  const { blue, orange } = COLOURS;
  return plot({
    title,
    x: { label: 'minutes', scale: 'linear', ticks: minuteTicks((samples.at(-1)?.atMs ?? 0) / MINUTE_MS) },
    panels: [
      {
        title: 'memory, MiB',
        curves: [
          curve('heap in use', orange, ({ heapBytes }) => heapBytes / MIB),
          curve('resident', blue, ({ residentBytes }) => residentBytes / MIB),
        ],
      },
      {
        title: 'handles and viewings',
        curves: [curve('viewings', orange, ({ viewings }) => viewings), curve('handles', blue, ({ handles }) => handles)],
      },
      {
        title: 'event-loop delay, ms',
        curves: [
          curve('p50', orange, ({ delayP50Ms }) => delayP50Ms),
          curve('p99 of each 5 s', blue, ({ delayP99Ms }) => delayP99Ms),
        ],
      },
    ],
  });
}

function minuteTicks(minutes: number): number[] {
  const step = roundUp(Math.max(minutes, 1e-3) / 8);
  return Array.from({ length: Math.floor(minutes / step) + 1 }, (_, at) => at * step);
}
