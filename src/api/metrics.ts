import { isMainThread } from 'node:worker_threads';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Prometheus metrics, by its naming conventions: base units, `_total` on what only grows. Figures are read when they are asked for. */
export class Metrics {
  readonly registry = new Registry();
  readonly #gauges = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly read: () => number }[]>();

  constructor() {
    // Those of the process, once.
    if (isMainThread) collectDefaultMetrics({ register: this.registry });
  }

  /** With `labels`, one of several figures of that name, whichever parts they are of; `help` is the first one's. */
  gauge(name: string, help: string, read: () => number, labels: Readonly<Record<string, string>> = {}): void {
    const figures = this.#gauges.get(name) ?? [];
    figures.push({ labels, read });
    if (this.#gauges.has(name)) return;
    this.#gauges.set(name, figures);
    new Gauge({
      name,
      help,
      labelNames: Object.keys(labels),
      registers: [this.registry],
      collect: function collect() {
        for (const { labels, read } of figures) this.set({ ...labels }, read());
      },
    });
  }

  /** @returns what takes each observation, in the unit that the name ends with */
  histogram(name: string, help: string, buckets: readonly number[]): (value: number) => void {
    const histogram = new Histogram({ name, help, buckets: [...buckets], registers: [this.registry] });
    return (value) => histogram.observe(value);
  }

  /** `read` gives the total so far. */
  total(name: string, help: string, read: () => number): void {
    this.totals(name, help, 'part', () => new Map([['', read()]]), []);
  }

  /** One total for each value of a label, those of `always` from the start. */
  totals(name: string, help: string, label: string, read: () => ReadonlyMap<string, number>, always: readonly string[]): void {
    const known = new Map<string, number>();
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect: function collect() {
        const now = read();
        for (const value of new Set([...always, ...now.keys()])) {
          const total = now.get(value) ?? 0;
          this.inc(value === '' ? {} : { [label]: value }, total - (known.get(value) ?? 0));
          known.set(value, total);
        }
      },
    });
  }
}
