import { Argument, type Command } from 'commander';
import { unreachable } from '../errors.ts';
import { print } from './output.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

type Shell = (typeof SHELLS)[number];

/** `tollcast completion …`: made from the commands themselves, so that it cannot fall behind them. */
export function addCompletion(parent: Command): void {
  parent
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', `\nbash, zsh:  eval "$(tollcast completion bash)"\nfish:       tollcast completion fish | source`)
    .action((shell: Shell) => print(completionScript(placesFrom(parent, parent.name(), []), shell)));
}

/** A command, and what may be typed after it. */
interface Place {
  /** `tollcast/program/add` */
  readonly path: string;
  readonly words: readonly Word[];
  readonly flags: readonly Flag[];
}

interface Word {
  readonly text: string;
  readonly description: string;
}

interface Flag extends Word {
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

function completionScript(places: readonly Place[], shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bashScript(places);
    case 'zsh':
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(places)}`;
    case 'fish':
      return fishScript(places);
    default:
      return unreachable(shell);
  }
}

function placesFrom(command: Command, path: string, inherited: readonly Flag[]): Place[] {
  const own = command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, description, required, argChoices = [] }): Flag => {
      return { text: long ?? '', description, takesValue: required, choices: argChoices };
    });
  const flags = [...new Map([...inherited, ...own].map((flag) => [flag.text, flag])).values()];
  const commands = command.commands.map((child): Word => ({ text: child.name(), description: child.description() }));
  const choices = command.registeredArguments.flatMap(({ argChoices = [], description }) =>
    argChoices.map((text): Word => ({ text, description })),
  );
  const below = command.commands.flatMap((child) => placesFrom(child, `${path}/${child.name()}`, flags));
  return [{ path, words: [...commands, ...choices], flags }, ...below];
}

/** Where nothing matches, as for most values, bash completes files. */
const bashScript = (places: readonly Place[]): string => `_tollcast() {
  local at=tollcast words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at/\${COMP_WORDS[i]}" in
      ${places.map(({ path }) => path).join('|')}) at="$at/\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at \${COMP_WORDS[COMP_CWORD-1]}" in
${places.flatMap(bashCases).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _tollcast tollcast`;

function bashCases({ path, words, flags }: Place): string[] {
  const values = flags
    .filter(({ takesValue }) => takesValue)
    .map(({ text, choices }) => `    '${path} ${text}') words='${choices.join(' ')}' ;;`);
  return [...values, `    '${path} '*) words='${[...words, ...flags].map(({ text }) => text).join(' ')}' ;;`];
}

const fishScript = (places: readonly Place[]): string => `function __tollcast_at
  set -l at tollcast
  for word in (commandline -opc)[2..-1]
    switch "$at/$word"
      case ${places.map(({ path }) => path).join(' ')}
        set at "$at/$word"
    end
  end
  echo $at
end
${places.flatMap(fishLines).join('\n')}`;

function fishLines({ path, words, flags }: Place): string[] {
  const here = `complete -c tollcast -n 'test (__tollcast_at) = ${path}'`;
  const described = ({ description }: Word) => ` -d '${description.replace(/['\\]/g, '\\$&')}'`;
  const value = ({ takesValue, choices }: Flag) =>
    `${takesValue ? ' -r' : ''}${choices.length > 0 ? ` -f -a '${choices.join(' ')}'` : ''}`;
  return [
    ...words.map((word) => `${here} -f -a ${word.text}${described(word)}`),
    ...flags.map((flag) => `${here} -l ${flag.text.slice(2)}${described(flag)}${value(flag)}`),
  ];
}
