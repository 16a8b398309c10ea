import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder: string | undefined;

/** A program of this folder in C, compiled for the time that this process runs; undefined where there is no compiler. */
export function native(name: 'drain' | 'floor'): string | undefined {
  if (spawnSync('cc', ['--version']).status !== 0) return undefined;
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'tollcast-bench-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  const program = join(folder, name);
  const { status, stderr } = spawnSync('cc', ['-O2', '-o', program, join(import.meta.dirname, `${name}.c`)], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${name}.c cannot be compiled: ${stderr}`);
  return program;
}
