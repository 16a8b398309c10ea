/** What is read of the relay at one moment. */
export interface Sample {
  /** Since the audience was complete. */
  readonly atMs: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  /** Open file descriptors: sockets, the ledger. */
  readonly handles: number;
  readonly viewings: number;
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly cpuSeconds: number;
  readonly ledgerWaiting: number;
}

/** Reads `/metrics` of a relay once. @returns the value of a metric without labels; throws where there is none of that name */
export async function metricsOf(httpUrl: string): Promise<(name: string) => number> {
  const response = await fetch(`${httpUrl}/metrics`);
  const text = await response.text();
  return (name) => {
    const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(text);
    if (found === null) throw new Error(`no metric ${name}`);
    return Number(found[1]);
  };
}

/** What is read of the relay now. Loop delays are those since it was read before. */
export async function sample(httpUrl: string, atMs: number): Promise<Sample> {
  const value = await metricsOf(httpUrl);
  return {
    atMs,
    residentBytes: value('process_resident_memory_bytes'),
    heapBytes: value('nodejs_heap_size_used_bytes'),
    handles: value('process_open_fds'),
    viewings: value('tollcast_viewings'),
    delayP50Ms: value('nodejs_eventloop_lag_p50_seconds') * 1_000,
    delayP99Ms: value('nodejs_eventloop_lag_p99_seconds') * 1_000,
    cpuSeconds: value('process_cpu_seconds_total'),
    ledgerWaiting: value('tollcast_ledger_waiting_entries'),
  };
}

export const COLUMNS = [
  'atMs',
  'residentBytes',
  'heapBytes',
  'handles',
  'viewings',
  'delayP50Ms',
  'delayP99Ms',
  'cpuSeconds',
  'ledgerWaiting',
] as const satisfies readonly (keyof Sample)[];

export const csv = (samples: readonly Sample[]): string =>
  [COLUMNS.join(','), ...samples.map((each) => COLUMNS.map((column) => each[column]).join(','))].join('\n').concat('\n');

/** How far something may rise from the second quarter of a run, when all is warm, to its last. */
interface Flatness {
  readonly what: string;
  readonly unit: string;
  readonly read: (sample: Sample) => number;
  /** Of the many figures of a quarter, the one that stands for it: garbage and neighbours only ever add. */
  readonly quantile: number;
  readonly mayRise: { readonly by: number; readonly or: number };
}

const MIB = 1 << 20;

const FLAT: readonly Flatness[] = [
  {
    what: 'resident memory',
    unit: 'MiB',
    read: ({ residentBytes }) => residentBytes / MIB,
    quantile: 0.5,
    mayRise: { by: 0.1, or: 10 },
  },
  { what: 'heap', unit: 'MiB', read: ({ heapBytes }) => heapBytes / MIB, quantile: 0.1, mayRise: { by: 0.1, or: 5 } },
  { what: 'handles', unit: '', read: ({ handles }) => handles, quantile: 0.5, mayRise: { by: 0.05, or: 5 } },
  { what: 'event-loop delay, p50', unit: 'ms', read: ({ delayP50Ms }) => delayP50Ms, quantile: 0.5, mayRise: { by: 0.2, or: 1 } },
  { what: 'event-loop delay, p99', unit: 'ms', read: ({ delayP99Ms }) => delayP99Ms, quantile: 0.5, mayRise: { by: 0.5, or: 5 } },
  {
    what: 'ledger entries waiting',
    unit: '',
    read: ({ ledgerWaiting }) => ledgerWaiting,
    quantile: 0.5,
    mayRise: { by: 0.5, or: 50 },
  },
];

export interface Verdict {
  readonly what: string;
  readonly unit: string;
  readonly early: number;
  readonly late: number;
  readonly flat: boolean;
}

export function verdicts(samples: readonly Sample[]): Verdict[] {
  const quarter = Math.floor(samples.length / 4);
  const [second, last] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  return FLAT.map(({ what, unit, read, quantile, mayRise }) => {
    const [early, late] = [quantileOf(second.map(read), quantile), quantileOf(last.map(read), quantile)];
    return { what, unit, early, late, flat: late - early <= Math.max(mayRise.or, early * mayRise.by) };
  });
}

function quantileOf(values: readonly number[], quantile: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * quantile)] ?? Number.NaN;
}
