import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from './table.ts';

/** As V8 writes it (Chrome DevTools Protocol, Profiler.Profile), as far as it is read. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const MOST = 15;
const IDLE = '(idle)';

/** What took most time itself in each thread of a process, of the time in which it was not idle. @param folder with its profiles */
export function topCosts(folder: string): (Result & { readonly thread: string })[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.cpuprofile'))
    .map((file) => {
      const profile: Profile = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      const spent = selfTimes(profile);
      const idle = spent.get(IDLE) ?? 0;
      spent.delete(IDLE);
      const busy = [...spent.values()].reduce((sum, micros) => sum + micros, 0);
      const top = [...spent].sort(([, a], [, b]) => b - a).slice(0, MOST);
      return {
        thread: `${file}, busy ${((100 * busy) / (busy + idle)).toFixed(1)} % of the time`,
        columns: ['function', '% of that'],
        rows: top.map(([name, micros]) => [name, (100 * micros) / busy]),
      };
    });
}

function selfTimes({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const spent = new Map<string, number>();
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? '';
    spent.set(name, (spent.get(name) ?? 0) + (timeDeltas[at] ?? 0));
  }
  return spent;
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const name = functionName || '(anonymous)';
  return url === '' ? name : `${name} ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`;
}
