import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Memory {
  readonly rssBytes: number;
  readonly heapBytes: number;
}

/** What the process takes, with all garbage collected. */
export function memoryNow(): Memory {
  collectGarbage();
  const { rss, heapUsed } = process.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed };
}

let collectGarbage = (): void => {
  setFlagsFromString('--expose_gc');
  const gc = (globalThis.gc ?? runInNewContext('gc')) as () => void;
  collectGarbage = () => {
    // What the first finds to have an end is gone with the second.
    gc();
    gc();
  };
  collectGarbage();
};
