import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { COLOURS, type Curve, plot } from './plot.ts';

const curve = (points: Curve['points'], name = 'one', colour: string = COLOURS.blue): Curve => ({ name, colour, points });

const one = (scale: 'linear' | 'log', ticks: readonly number[], points: Curve['points']): string =>
  plot({ title: 'title', x: { label: 'viewers', scale, ticks }, panels: [{ curves: [curve(points)] }] });

/** Where the points of the curves lie, in pixels of their panel. */
const drawnIn = (svg: string): [x: number, y: number][][] =>
  [...svg.matchAll(/<path d="M([^"H]+)" fill="none"/g)].map(([, line = '']) =>
    line.split('L').map((point) => point.split(' ').map(Number) as [number, number]),
  );

const tickAt = (svg: string, label: string): number =>
  Number(new RegExp(`x="([\\d.]+)"[^>]*middle[^>]*>${label}</text>`).exec(svg)?.[1]);

describe('a plot', () => {
  test('keeps every curve within its area, whatever it is of', () => {
    const ys = fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: 1e12, noNaN: true }));
    const points = fc.array(fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), ys), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.constantFrom('linear', 'log'), points, (scale, some) => {
        const svg = one(scale, [1, 10, 1_000], scale === 'linear' ? some.map(([x, y]) => [x + 1, y]) : some);
        expect(svg).not.toMatch(/NaN|Infinity|undefined/);
        for (const [x, y] of drawnIn(svg).flat()) {
          expect(x).toBeGreaterThanOrEqual(56);
          expect(x).toBeLessThanOrEqual(776);
          expect(y).toBeGreaterThanOrEqual(30);
          expect(y).toBeLessThanOrEqual(226);
        }
      }),
    );
  });

  test('has a point above the tick of its value, powers of ten as far from each other as any others', () => {
    const svg = one(
      'log',
      [1, 10, 100, 1_000],
      [
        [10, 2],
        [100, 4],
        [1_000, 6],
      ],
    );
    const [a = [0, 0], b = [0, 0], c = [0, 0]] = drawnIn(svg)[0] ?? [];
    expect([a[0], b[0], c[0]]).toEqual([tickAt(svg, '10'), tickAt(svg, '100'), tickAt(svg, '1,000')]);
    expect(c[0] - b[0]).toBeCloseTo(b[0] - a[0], 0);
    expect(a[1] - b[1]).toBeCloseTo(b[1] - c[1], 0);
    const linear = one('linear', [0, 10, 20], [[5, 1]]);
    expect(drawnIn(linear)[0]?.[0]?.[0]).toBeCloseTo((tickAt(linear, '0') + tickAt(linear, '10')) / 2, 0);
  });

  test('puts what is smaller than its first tick on that, where it counts powers of ten', () => {
    const svg = one(
      'log',
      [1, 10],
      [
        [0, 1],
        [0.1, 1],
        [10, 1],
      ],
    );
    expect(drawnIn(svg)[0]?.map(([x]) => x)).toEqual([56, 56, 776]);
  });

  test('has room for what is greater than its last tick', () => {
    const svg = one(
      'log',
      [1, 10],
      [
        [1, 1],
        [100, 1],
      ],
    );
    expect(drawnIn(svg)[0]?.map(([x]) => x)).toEqual([56, 776]);
    expect(tickAt(svg, '10')).toBe(416);
  });

  test('marks each point of a curve that has few', () => {
    const points = (count: number): [number, number][] => Array.from({ length: count }, (_, at) => [at + 1, at]);
    expect(one('log', [1, 10], points(8)).match(/<circle/g)).toHaveLength(8);
    expect(one('log', [1, 10], points(100))).not.toContain('<circle');
  });

  test('names its curves in their colours and puts its panels one below the other', () => {
    const panel = (title: string) => ({ title, curves: [curve([[1, 1]], `${title} & more <`, COLOURS.orange), curve([[1, 2]])] });
    const svg = plot({
      title: 'a < b',
      x: { label: 'minutes', scale: 'linear', ticks: [0, 1] },
      panels: [panel('memory'), panel('handles')],
    });
    expect(svg).toContain('<title>a &lt; b</title>');
    expect(svg).toContain(
      `<tspan fill="${COLOURS.orange}">memory &amp; more &lt;</tspan><tspan fill="${COLOURS.blue}" dx="24">one</tspan>`,
    );
    expect([...svg.matchAll(/translate\(0 (\d+)\)/g)].map(([, y]) => Number(y))).toEqual([30, 200]);
    expect(drawnIn(svg)).toHaveLength(4);
  });
});
