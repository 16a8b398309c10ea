import { COLOURS, plot } from '../test/plot/plot.ts';
import { echoed } from './echo.ts';
import { quantile, timesOf } from './quantile.ts';
import { ofRelay, windowOf } from './relay-load.ts';
import type { Benchmark } from './table.ts';

interface Measured {
  readonly title: string;
  readonly delays: readonly number[];
  /** Pictures. */
  readonly lost: number;
}

/**
 * How long a picture takes from its broadcaster's socket until a viewer has decrypted it, beside a floor: the same bytes through a process
 * that sends back what it reads. Goals: 2 ms at the median and 10 ms at p99 with 20 viewers, 120 ms at p99 with 1,000.
 */
export const latency: Benchmark = async (options) => {
  const { forMs } = windowOf(options);
  options.note('the floor');
  const measured: Measured[] = [{ title: 'floor', delays: await echoed(forMs), lost: 0 }];
  for (const viewers of options.viewers ?? (options.smoke ? [3] : [20, 1_000])) {
    options.note(`${viewers} viewers`);
    const { delaysMs, lost } = await ofRelay(viewers, 0, options);
    measured.push({ title: `${viewers.toLocaleString('en')} viewers`, delays: delaysMs, lost });
  }
  return {
    columns: ['', 'pictures', 'p50 ms', 'p90 ms', 'p99 ms', 'most ms', 'pictures lost'],
    rows: measured.map(({ title, delays, lost }) => {
      const { count, p50Ms, p90Ms, p99Ms, maxMs } = timesOf(delays);
      return [title, count, p50Ms, p90Ms, p99Ms, maxMs, lost];
    }),
    plot: plot({
      title: 'Share of pictures that a viewer has decrypted after so many milliseconds',
      x: { label: 'ms', scale: 'log', ticks: [0.1, 0.3, 1, 3, 10, 30, 100, 300] },
      panels: [
        {
          curves: measured.map(({ title, delays }, at) => ({
            name: title,
            colour: [COLOURS.orange, COLOURS.blue, COLOURS.green, COLOURS.grey][at % 4] ?? '#222',
            points: SHARES.map((share): [number, number] => [quantile(delays, share), share]),
          })),
        },
      ],
    }),
  };
};

const SHARES = Array.from({ length: 101 }, (_, at) => at / 100);
