import { styleText } from 'node:util';
import { Command } from 'commander';
import { version } from '../version.ts';
import { addBills } from './bills.ts';
import { addCompletion } from './completion.ts';
import { addCredentials } from './credentials.ts';
import { addDeployments } from './deployments.ts';
import { addDoctor } from './doctor.ts';
import { EXIT_CODES_HELP } from './exit-code.ts';
import { addLedger } from './ledger.ts';
import { addProgram } from './program.ts';
import { addPublish } from './publish.ts';
import { addServe } from './serve.ts';
import { addToken } from './token.ts';
import { addView } from './view.ts';
import { addViewings } from './viewings.ts';

/** Everything that can be typed. Errors are thrown, not printed. */
export function commandLine(): Command {
  const program = new Command('tollcast')
    .description('Live video that is paid for by the second: RTMP in, ciphertext out, the key is the meter.')
    .version(version, '-V, --version', 'print the version')
    .option('--debug', 'with an error, say where in the code it comes from (or TOLLCAST_DEBUG=1)')
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ showGlobalOptions: true, styleTitle: (title) => styleText('bold', title) })
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    .addHelpText('after', EXIT_CODES_HELP);

  // Commands inherit what is configured above, so they come last.
  program.commandsGroup('Run:');
  addServe(program);
  addDeployments(program);
  program.commandsGroup('Set up:');
  addProgram(program);
  addToken(program);
  addCredentials(program);
  addDoctor(program);
  program.commandsGroup('Bill:');
  addBills(program);
  addViewings(program);
  addLedger(program);
  program.commandsGroup('Try out:');
  addPublish(program);
  addView(program);
  program.commandsGroup('Other:').helpCommand('help [command]', 'print the help of a command');
  addCompletion(program);
  return program;
}

/** What shows the help of the command that was meant by what was typed. */
export function helpCommandFor(program: Command, typed: readonly string[]): string {
  let command = program;
  const path = [program.name()];
  for (const word of typed) {
    const found = command.commands.find((candidate) => candidate.name() === word);
    if (found === undefined) continue;
    command = found;
    path.push(found.name());
  }
  return [...path, '--help'].join(' ');
}
