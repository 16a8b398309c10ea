import { CommanderError } from 'commander';
import { messageOf, systemCode, TollcastError } from '../errors.ts';
import { ExitCode } from './exit-code.ts';
import { oneLine } from './text.ts';

/** How a command that did not succeed ends: what to say, if anything is left to be said, and the exit code. */
export interface Failure {
  readonly line?: string;
  readonly exitCode: number;
}

/** Codes of errors in what the command was given, as against what became of it. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'usage',
  'config-invalid',
  'bad-address',
  'program-name',
  'program-title',
  'encryptor-name',
  'encryptor-programs',
  'invalid-tariff',
  'invalid-decimal',
  'unknown-currency',
  'invalid-date',
  'empty-period',
]);

/** @param helpCommand what shows the help of the command that was called, such as `tollcast program add --help` */
export function failureOf(error: unknown, helpCommand: string): Failure {
  if (error instanceof CommanderError) return commandLineFailure(error, helpCommand);
  if (error instanceof TollcastError) return { line: oneLine(error.message), exitCode: exitCodeOf(error.code) };
  const code = systemCode(error);
  // The system's own errors name the file or address and what is wrong with it; any other is a defect of ours.
  const known = code !== undefined && /^E[A-Z]+$/.test(code);
  const line = known ? messageOf(error) : `unexpected: ${messageOf(error)} (run it with --debug to see where)`;
  return { line: oneLine(line), exitCode: ExitCode.failed };
}

function exitCodeOf(code: string): number {
  if (USAGE_CODES.has(code)) return ExitCode.usage;
  return code === 'cut-off' ? ExitCode.cutOff : ExitCode.failed;
}

function commandLineFailure({ exitCode, code, message }: CommanderError, helpCommand: string): Failure {
  if (exitCode === 0) return { exitCode: ExitCode.ok }; // --help, --version
  if (code === 'commander.help') return { exitCode: ExitCode.usage }; // a group without its command: its help was shown
  return { line: `${oneLine(message.replace(/^error: /, ''))}: see ${helpCommand}`, exitCode: ExitCode.usage };
}
