type Point = readonly [x: number, y: number];

export interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly Point[];
}

export interface Panel {
  /** What its curves are of, where the plot's title does not say it. */
  readonly title?: string;
  readonly curves: readonly Curve[];
}

export interface Axis {
  readonly label: string;
  /** `log`: of what is counted by powers of ten. What is smaller than the first tick lies on it. */
  readonly scale: 'linear' | 'log';
  /** Upwards. */
  readonly ticks: readonly number[];
}

export interface Plot {
  readonly title: string;
  readonly x: Axis;
  /** One below the other. */
  readonly panels: readonly Panel[];
}

export const COLOURS = { blue: '#2f6fb5', orange: '#c8641a', green: '#5a8f3c', grey: '#8a8a8a' } as const;

const WIDTH = 800;
const [LEFT, RIGHT] = [56, WIDTH - 24];
const [TITLE_HEIGHT, HEAD_HEIGHT, TICKS_HEIGHT, LABEL_HEIGHT] = [30, 30, 24, 20];
const [LONE_HEIGHT, STACKED_HEIGHT] = [196, 116];
const GRID = [0, 0.25, 0.5, 0.75, 1];
const ROUND = [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10];
/** So many points, at most, are each a measurement to be seen. */
const MARKED_POINTS = 20;

/** Curves as SVG that reads on light and dark pages. */
export function plot({ title, x, panels }: Plot): string {
  const areaHeight = panels.length === 1 ? LONE_HEIGHT : STACKED_HEIGHT;
  const panelHeight = HEAD_HEIGHT + areaHeight + TICKS_HEIGHT;
  const height = TITLE_HEIGHT + panels.length * panelHeight + LABEL_HEIGHT;
  const place = placing(x, panels);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${LEFT}" y="22" font-size="14" fill="#222">${escaped(title)}</text>`,
    ...panels.map(
      (panel, at) =>
        `<g transform="translate(0 ${TITLE_HEIGHT + at * panelHeight})">\n${drawn(panel, x, place, areaHeight)}\n</g>`,
    ),
    `<text x="${(LEFT + RIGHT) / 2}" y="${height - 6}" text-anchor="middle" fill="#555">${escaped(x.label)}</text>`,
    '</svg>\n',
  ].join('\n');
}

/** Where a value of the axis lies, in pixels from the left. */
function placing({ scale, ticks }: Axis, panels: readonly Panel[]): (value: number) => number {
  const xs = panels.flatMap(({ curves }) => curves.flatMap(({ points }) => points.map(([x]) => x)));
  const first = ticks[0] ?? 0;
  const along = (value: number): number => (scale === 'log' ? Math.log(Math.max(value, first)) : value);
  const from = along(first);
  const length = along(xs.reduce((most, x) => Math.max(most, x), ticks.at(-1) ?? 0)) - from;
  return (value) => LEFT + ((along(value) - from) / (length || 1)) * (RIGHT - LEFT);
}

function drawn({ title = '', curves }: Panel, { ticks }: Axis, place: (value: number) => number, areaHeight: number): string {
  const bottom = HEAD_HEIGHT + areaHeight;
  const most = roundUp(curves.reduce((top, { points }) => points.reduce((high, [, y]) => Math.max(high, y), top), 1e-9));
  const x = (value: number): string => place(value).toFixed(1);
  const y = (value: number): string => (bottom - (value / most) * areaHeight).toFixed(1);
  const names = curves.map(
    ({ name, colour }, at) => `<tspan fill="${colour}"${at > 0 ? ' dx="24"' : ''}>${escaped(name)}</tspan>`,
  );
  return [
    `<text x="${LEFT}" y="18" fill="#222">${escaped(title)}</text>`,
    `<text x="${RIGHT}" y="18" text-anchor="end">${names.join('')}</text>`,
    ...GRID.map((share) => {
      const at = y(share * most);
      const label = `<text x="${LEFT - 6}" y="${at}" dy="4" text-anchor="end" fill="#555">${+(share * most).toPrecision(3)}</text>`;
      return `<path d="M${LEFT} ${at}H${RIGHT}" stroke="#ddd"/>${label}`;
    }),
    ...ticks.map(
      (tick) => `<text x="${x(tick)}" y="${bottom + 16}" text-anchor="middle" fill="#555">${tick.toLocaleString('en')}</text>`,
    ),
    ...curves.map(({ colour, points }) => {
      const line = points.map(([px, py]) => `${x(px)} ${y(py)}`).join('L');
      const marked = points.length <= MARKED_POINTS ? points : [];
      const marks = marked.map(([px, py]) => `<circle cx="${x(px)}" cy="${y(py)}" r="3" fill="${colour}"/>`);
      return `<path d="M${line}" fill="none" stroke="${colour}" stroke-width="1.4"/>${marks.join('')}`;
    }),
  ].join('\n');
}

/** To a round figure. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return (ROUND.find((step) => step * power >= value) ?? 10) * power;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
