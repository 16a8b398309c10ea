import { messageOf, TollcastError } from '../errors.ts';
import { commandLine, helpCommandFor } from './command-line.ts';
import { failureOf } from './failure.ts';
import { readerLeft } from './output.ts';
import { systemText } from './text.ts';

/**
 * Runs one command. Sets `process.exitCode`, and is the one place where an error becomes its line on stderr.
 *
 * @param argv as `process.argv` is: the program, the script, then what was typed
 */
export async function main(argv: string[]): Promise<void> {
  const program = commandLine();
  const debug = argv.includes('--debug') || (process.env.TOLLCAST_DEBUG ?? '') !== '';
  let failed = false;
  const fail = (error: unknown): void => {
    // What failed first is what went wrong; the rest follows from it.
    if (failed) return;
    failed = true;
    const { line, exitCode } = failureOf(error, helpCommandFor(program, argv.slice(2)));
    if (line !== undefined) process.stderr.write(`tollcast: ${line}\n`);
    if (line !== undefined && debug && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`);
    process.exitCode = exitCode;
  };
  process.on('uncaughtException', (error) => {
    fail(error);
    process.exit();
  });
  // Whoever reads may stop at any time (`| head`); what streams to it hears of that by its own means.
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error) => {
    if (!readerLeft(error)) fail(new TollcastError('out-unwritable', `cannot write to stdout: ${systemText(error)}`));
  });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    fail(error);
  }
}

function stackOf(error: Error): string {
  const stack = error.stack ?? messageOf(error);
  return error.cause instanceof Error ? `${stack}\ncaused by: ${stackOf(error.cause)}` : stack;
}
