import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { commandLine, helpCommandFor } from '../../src/cli/command-line.ts';
import { version } from '../../src/version.ts';
import { output, tollcast } from './command.ts';

const everyCommand = (command: Command, path: string): { path: string; command: Command }[] => [
  { path, command },
  ...command.commands.flatMap((child) => everyCommand(child, `${path} ${child.name()}`)),
];

describe('help', () => {
  test.each(everyCommand(commandLine(), 'tollcast'))(
    '$path --help says what it does, and what each option is',
    ({ path, command }) => {
      const help = command.helpInformation();
      expect(help).toContain(`Usage: ${path}`);
      expect(command.description()).not.toBe('');
      for (const { flags, description } of command.options) {
        expect(help).toContain(flags);
        expect(description).not.toBe('');
      }
      expect(help).toContain('--debug');
    },
  );

  test('is on stdout when asked for, and on stderr with exit code 2 when a command is missing', async () => {
    const [asked, missing, exactly] = await Promise.all([
      output('--help'),
      tollcast('program'),
      output('bills', 'export', '--help'),
    ]);
    expect(asked).toMatch(/Exit codes:\n {2}0 /);
    expect(missing).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Usage: tollcast program') });
    expect(exactly).toContain('--format <format>');
    expect(exactly).toContain('--data <dir>');
  });

  test('has no colour where there is no terminal, and --version is the version', async () => {
    expect(await output('--help')).not.toContain('\u001b');
    expect(await output('--version')).toBe(`${version}\n`);
  });

  test('is found for what was typed', () => {
    expect(helpCommandFor(commandLine(), ['bills', '--data', 'd', 'export', '--nope'])).toBe('tollcast bills export --help');
    expect(helpCommandFor(commandLine(), ['nope'])).toBe('tollcast --help');
  });
});

test('bash completes commands, options and choices', async () => {
  const script = await output('completion', 'bash');
  const complete = (...words: string[]): string[] => {
    const run = `${script}\nCOMP_WORDS=(tollcast "$@"); COMP_CWORD=$#; _tollcast; echo "\${COMPREPLY[*]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', run, 'bash', ...words], { encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout.trim().split(' ');
  };
  expect(complete('pro')).toEqual(['program']);
  expect(complete('program', '--data', 'd', 're')).toEqual(['remove', 'rekey']);
  expect(complete('program', 'add', '--t')).toEqual(['--title']);
  expect(complete('bills', 'export', '--format', '')).toEqual(['csv', 'json', 'ndjson']);
  expect(complete('bills', 'export', '--out', '')).toEqual(['']); // files
});
