import type { Sample } from './series.ts';

interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly read: (sample: Sample) => number;
}

interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
}

const MIB = 1 << 20;
const [BLUE, ORANGE] = ['#2f6fb5', '#c8641a'];

const PANELS: readonly Panel[] = [
  {
    title: 'memory, MiB',
    curves: [
      { name: 'resident', colour: BLUE, read: ({ residentBytes }) => residentBytes / MIB },
      { name: 'heap in use', colour: ORANGE, read: ({ heapBytes }) => heapBytes / MIB },
    ],
  },
  {
    title: 'handles and viewings',
    curves: [
      { name: 'handles', colour: BLUE, read: ({ handles }) => handles },
      { name: 'viewings', colour: ORANGE, read: ({ viewings }) => viewings },
    ],
  },
  {
    title: 'event-loop delay, ms',
    curves: [
      { name: 'p99 of each 5 s', colour: BLUE, read: ({ delayP99Ms }) => delayP99Ms },
      { name: 'p50', colour: ORANGE, read: ({ delayP50Ms }) => delayP50Ms },
    ],
  },
];

const [WIDTH, HEIGHT] = [800, 170];
const ROUND = [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10];
const MARGIN = { left: 56, right: 16, top: 30, bottom: 24 };

/** Curves over the minutes of a run, one panel below the other, as SVG that reads on light and dark pages. */
export function plot(samples: readonly Sample[], title: string): string {
  const minutes = (samples.at(-1)?.atMs ?? 0) / 60_000;
  const panels = PANELS.map(
    (panel, at) => `<g transform="translate(0 ${30 + at * HEIGHT})">${drawn(panel, samples, minutes)}</g>`,
  );
  const height = 30 + PANELS.length * HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="22" font-size="14" fill="#222">${title}</text>`,
    ...panels,
    '</svg>\n',
  ].join('\n');
}

function drawn({ title, curves }: Panel, samples: readonly Sample[], minutes: number): string {
  const [right, bottom] = [WIDTH - MARGIN.right, HEIGHT - MARGIN.bottom];
  const most = roundUp(Math.max(...curves.flatMap(({ read }) => samples.map(read)), 1e-9));
  const x = (atMs: number): number => MARGIN.left + (atMs / 60_000 / minutes) * (right - MARGIN.left);
  const y = (value: number): number => bottom - (value / most) * (bottom - MARGIN.top);
  const parts = [`<text x="${MARGIN.left}" y="18" fill="#222">${title}</text>`];
  for (const share of [0, 0.5, 1]) {
    const at = y(share * most).toFixed(1);
    parts.push(`<path d="M${MARGIN.left} ${at}H${right}" stroke="#ddd"/>`);
    parts.push(
      `<text x="${MARGIN.left - 6}" y="${at}" dy="4" text-anchor="end" fill="#555">${+(share * most).toPrecision(3)}</text>`,
    );
  }
  for (let minute = 0; minute <= minutes; minute += roundUp(minutes / 8))
    parts.push(
      `<text x="${x(minute * 60_000).toFixed(1)}" y="${bottom + 16}" text-anchor="middle" fill="#555">${minute} min</text>`,
    );
  for (const [at, { name, colour, read }] of curves.entries()) {
    const line = samples.map((sample) => `${x(sample.atMs).toFixed(1)} ${y(read(sample)).toFixed(1)}`).join('L');
    parts.push(`<path d="M${line}" fill="none" stroke="${colour}" stroke-width="1.2"/>`);
    parts.push(`<text x="${right - at * 120}" y="18" text-anchor="end" fill="${colour}">${name}</text>`);
  }
  return parts.join('\n');
}

/** To a round figure. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return (ROUND.find((step) => step * power >= value) ?? 10) * power;
}
