import { COLOURS, plot } from '../test/plot/plot.ts';
import { type Attempt, limitOf, verdictOn } from './ingest-limit.ts';
import { ofPeer, ofRelay, type Window } from './ingest-load.ts';
import type { PublishersOptions } from './publishers.ts';
import { quantile } from './quantile.ts';
import { BITS_PER_SECOND } from './stamped-stream.ts';
import type { Benchmark, BenchmarkOptions } from './table.ts';

/**
 * How many broadcasters one relay takes: CPU from RTMP to sealed chunks, beside a floor that reads the same bytes and forgets them, and
 * beside node-media-server. One viewer's pictures tell the delay. Then one broadcaster as fast as it is read; and more and more of them,
 * of the relay alone, up to as many as it takes.
 */
export const ingest: Benchmark = async (options) => {
  const { smoke, note } = options;
  const window = smoke ? { warmUpMs: 200, forMs: 500 } : { warmUpMs: 2_000, forMs: 5_000 };
  const rows = [];
  for (const publishers of smoke ? [2] : [1, 10, 30, 100]) {
    note(`${publishers} broadcasters of ${BITS_PER_SECOND / 1e6} Mbit/s`);
    rows.push(await row(`${publishers}`, publishers, 'real-time', window, options));
  }
  const drawn = plotOf(rows);
  note('one broadcaster, as fast as it is read');
  rows.push(await row('1, as fast as it goes', 1, 'unpaced', window, options));
  rows.push(...(await rowsToLimit(window, options)));
  return {
    columns: [
      'broadcasters',
      'Gbit/s',
      'CPU % of a core',
      'CPU s/GB',
      'floor, CPU s/GB',
      'node-media-server, CPU s/GB',
      'delay p50 ms',
      'delay p99 ms',
      'unread KB at most',
      'main thread %',
      'limit',
    ],
    rows,
    plot: drawn,
  };
};

const plotOf = (rows: readonly (readonly (string | number)[])[]): string => {
  const column = (at: number) => rows.map((row): [number, number] => [Number(row[0]), Number(row[at])]);
  return plot({
    title: 'CPU seconds for each gigabyte that broadcasters send',
    x: {
      label: `broadcasters of ${BITS_PER_SECOND / 1e6} Mbit/s`,
      scale: 'log',
      ticks: column(0).map(([publishers]) => publishers),
    },
    panels: [
      {
        curves: [
          { name: 'node-media-server, unencrypted', colour: COLOURS.grey, points: column(5) },
          { name: 'Tollcast', colour: COLOURS.blue, points: column(3) },
          { name: 'floor: reads only', colour: COLOURS.orange, points: column(4) },
        ],
      },
    ],
  });
};

async function row(
  title: string,
  publishers: number,
  pace: PublishersOptions['pace'],
  window: Window,
  options: BenchmarkOptions,
) {
  const delaysMs: number[] = [];
  const ours = await ofRelay(publishers, pace, window, delaysMs, options);
  const floor = await ofPeer('discard', publishers, pace, window);
  const peer = await ofPeer('node-media-server', publishers, pace, window);
  return [
    title,
    ours.gbitPerSecond,
    ours.cpuShare * 100,
    ours.cpuSecondsPerGb,
    floor.cpuSecondsPerGb,
    peer.cpuSecondsPerGb,
    // What is sent as fast as it goes is not stamped when it is sent.
    ...(pace === 'real-time' ? [quantile(delaysMs, 0.5), quantile(delaysMs, 0.99)] : ['', '']),
    ours.backlogBytes / 1_000,
    ours.mainThreadShare * 100,
    '',
  ];
}

/** A row for each number that is tried, and one that says how many it takes. */
async function rowsToLimit(window: Window, { smoke, settings, note }: BenchmarkOptions) {
  const rows: (string | number)[][] = [];
  const attempt = async (broadcasters: number): Promise<Attempt | undefined> => {
    note(`${broadcasters} broadcasters, on the way to what the relay takes`);
    const delaysMs: number[] = [];
    const taken = await ofRelay(broadcasters, 'real-time', window, delaysMs, { settings }).catch((error: unknown) => {
      note(`${broadcasters} broadcasters could not begin: ${error}`);
    });
    if (taken === undefined) return undefined;
    const sentShare = (taken.gbitPerSecond * 1e9) / (broadcasters * BITS_PER_SECOND);
    const { gbitPerSecond, cpuShare, cpuSecondsPerGb, backlogBytes } = taken;
    // Where a system does not tell, all threads are what one has at most.
    const mainThreadShare = Number.isNaN(taken.mainThreadShare) ? cpuShare : taken.mainThreadShare;
    const tried = { ...taken, broadcasters, mainThreadShare, sentShare, delayP50Ms: quantile(delaysMs, 0.5) };
    const verdict = verdictOn(tried);
    note(`${broadcasters} broadcasters: ${verdict}, main thread ${(mainThreadShare * 100).toFixed(0)} %`);
    const delays = [tried.delayP50Ms, quantile(delaysMs, 0.99)];
    rows.push([
      `${broadcasters}`,
      gbitPerSecond,
      cpuShare * 100,
      cpuSecondsPerGb,
      '',
      '',
      ...delays,
      backlogBytes / 1_000,
      mainThreadShare * 100,
      verdict,
    ]);
    return tried;
  };
  const limit = await limitOf(attempt, smoke ? { from: 2, most: 4 } : { from: 100, most: 3_200 });
  const [title, by] = limit === undefined ? ['at most', 'not found'] : [`at most ${limit.broadcasters}`, `by ${limit.by}`];
  return [...rows, [title, ...Array<string>(9).fill(''), by]];
}
