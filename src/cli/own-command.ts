import { basename, relative } from 'node:path';

/** How this command line was called, for commands that are printed to be typed: `npx tollcast` where npm started it. */
export function ownCommand(argv: readonly string[] = process.argv, env: NodeJS.ProcessEnv = process.env): string {
  const script = argv[1] ?? '';
  if (env.npm_lifecycle_event !== undefined) return 'npx tollcast';
  if (basename(script) === 'tollcast') return 'tollcast';
  return `node ${shellWord(relative('', script))}`;
}

/** One word of a POSIX shell. */
export const shellWord = (text: string): string => (/^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
