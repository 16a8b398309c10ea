import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';

/** Where the system shows a process's memory (Linux). */
export const memoryIsReadable = existsSync('/proc/self/mem');

const BLOCK_BYTES = 4 * 1024 * 1024;

/** Which of these byte strings stand anywhere in a process's memory: its JavaScript heap, its buffers, its stacks, all of it. */
export function foundInMemory(pid: number, needles: readonly Buffer[]): Buffer[] {
  const overlap = Math.max(...needles.map(({ length }) => length)) - 1;
  const missing = new Set(needles);
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const { from, to } of regions(pid)) {
      const block = Buffer.alloc(BLOCK_BYTES + overlap);
      for (let at = from; at < to; at += BLOCK_BYTES) {
        const wanted = Math.min(to - at, block.length);
        const bytes = block.subarray(0, read(memory, block, wanted, at));
        for (const needle of missing) if (bytes.includes(needle)) missing.delete(needle);
      }
    }
  } finally {
    closeSync(memory);
  }
  return needles.filter((needle) => !missing.has(needle));
}

/** A secret in every form in which it may stand in memory or cross a wire. */
export function formsOf(secret: Uint8Array): Buffer[] {
  const bytes = Buffer.from(secret);
  const texts = [bytes.toString('base64url'), bytes.toString('base64').slice(0, -4), bytes.toString('hex')];
  return [bytes, ...texts.flatMap(textForms)];
}

/** A text as JavaScript holds it: one byte a character, or two. */
export const textForms = (text: string): Buffer[] => [Buffer.from(text, 'latin1'), Buffer.from(text, 'utf16le')];

function* regions(pid: number): Iterable<{ from: number; to: number }> {
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? [];
    if (from !== '' && !line.includes('[vvar') && !line.includes('[vsyscall'))
      yield { from: Number.parseInt(from, 16), to: Number.parseInt(to, 16) };
  }
}

/** What has been given back meanwhile, or cannot be read, has nothing in it. */
function read(memory: number, block: Buffer, bytes: number, at: number): number {
  try {
    return readSync(memory, block, 0, bytes, at);
  } catch {
    return 0;
  }
}
