import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

/** What something took: a whole process, its start included, or a part of this one. */
export interface Cost {
  readonly wallSeconds: number;
  /** User and system, of all its threads. */
  readonly cpuSeconds: number;
}

export interface ProcessCost extends Cost {
  readonly peakBytes: number;
  /** Bytes that it wrote to stdout. */
  readonly outputBytes: number;
}

/** Only the process itself knows what it used at most; where `tollcast` starts another Node, that one says so too, later. */
const REPORT = `import { writeSync } from 'node:fs';
process.on('exit', () => writeSync(3, JSON.stringify(process.resourceUsage()) + '\\n'));`;

/**
 * Runs a program for Node to its end, reading what it writes as fast as it comes.
 *
 * @throws Error when it fails
 */
export async function processCost(args: readonly string[]): Promise<ProcessCost> {
  const beganMs = performance.now();
  const child = spawn(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(REPORT)}`, ...args], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  let outputBytes = 0;
  child.stdout?.on('data', (bytes: Buffer) => {
    outputBytes += bytes.length;
  });
  let report = '';
  (child.stdio[3] as Readable).setEncoding('utf8').on('data', (text: string) => {
    report += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with code ${code}`);
  const { userCPUTime, systemCPUTime, maxRSS }: NodeJS.ResourceUsage = JSON.parse(report.trim().split('\n').at(-1) ?? '');
  return {
    wallSeconds: (performance.now() - beganMs) / 1_000,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peakBytes: maxRSS * 1_024,
    outputBytes,
  };
}

/** The same of a part of this process. */
export function costHere(run: () => void): Cost {
  const beganMs = performance.now();
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return { wallSeconds: (performance.now() - beganMs) / 1_000, cpuSeconds: (user + system) / 1e6 };
}
