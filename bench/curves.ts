interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const [WIDTH, HEIGHT] = [800, 300];
const MARGIN = { left: 56, right: 16, top: 64, bottom: 40 };

/** Curves over something that is counted by powers of ten, as SVG that reads on light and dark pages. */
export function curves(of: {
  readonly title: string;
  readonly xLabel: string;
  readonly xs?: readonly number[];
  readonly curves: readonly Curve[];
}): string {
  const xs = of.xs ?? [...new Set(of.curves.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
  const most = Math.max(...of.curves.flatMap(({ points }) => points.map(([, y]) => y))) * 1.05;
  const [least, largest] = [Math.log(xs[0] ?? 1), Math.log(xs.at(-1) ?? 10)];
  const x = (value: number): number =>
    MARGIN.left +
    ((Math.log(Math.max(value, xs[0] ?? value)) - least) / Math.max(1e-9, largest - least)) *
      (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number): number => HEIGHT - MARGIN.bottom - (value / most) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * most).toFixed(1);
    const label = +(share * most).toPrecision(2);
    return `<path d="M${MARGIN.left} ${at}H${WIDTH - MARGIN.right}" stroke="#ddd"/><text x="${MARGIN.left - 6}" y="${at}" dy="4" text-anchor="end" fill="#555">${label}</text>`;
  });
  const ticks = xs.map(
    (value) =>
      `<text x="${x(value).toFixed(1)}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle" fill="#555">${value.toLocaleString('en')}</text>`,
  );
  const lines = of.curves.map(({ name, colour, points }, at) => {
    const path = points.map(([px, py]) => `${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join('L');
    const dots = points.map(([px, py]) => `<circle cx="${x(px).toFixed(1)}" cy="${y(py).toFixed(1)}" r="3" fill="${colour}"/>`);
    const legend = `<text x="${MARGIN.left + at * 250}" y="46" fill="${colour}">${name}</text>`;
    return `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>${dots.join('')}${legend}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${of.title}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${MARGIN.left}" y="22" font-size="14" fill="#222">${of.title}</text>`,
    ...grid,
    ...ticks,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle" fill="#555">${of.xLabel}</text>`,
    ...lines,
    '</svg>\n',
  ].join('\n');
}
