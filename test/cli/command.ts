import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The real command line in a process of its own. */
const TOLLCAST = fileURLToPath(new URL('./tollcast.ts', import.meta.url));
/** Half of such a process's life is reading its own sources, which is the same each time. */
const NODE_COMPILE_CACHE = join(tmpdir(), 'tollcast-cli-compile-cache');

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  return spawn(process.execPath, [TOLLCAST, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, NODE_COMPILE_CACHE, ...env },
  });
}

export async function finished(child: ChildProcess): Promise<Finished> {
  const out = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    out.stderr += text;
  });
  const [code] = await once(child, 'close');
  return { code, ...out };
}

export const tollcast = (...args: string[]): Promise<Finished> => finished(start(args));

/** Of a command that must succeed. */
export async function output(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await tollcast(...args);
  if (code !== 0) throw new Error(`tollcast ${args.join(' ')}: exit code ${code}, ${stderr}`);
  return stdout;
}

/** A folder of its own, and what removes it. */
export function scratchFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'tollcast-cli-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
