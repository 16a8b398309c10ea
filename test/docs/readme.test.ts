import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { runningCharge } from '../../src/billing/charge.ts';
import { commandLine } from '../../src/cli/command-line.ts';
import { ExitCode } from '../../src/cli/exit-code.ts';
import { parseRtmpUrl } from '../../src/ingest/rtmp-url.ts';
import { pathOf, section, tableAfter } from './page.ts';

const page = readFileSync(pathOf('README.md'), 'utf8');

/** Every command that does something, with the options that it and the groups above it have. */
function commandsBelow(parent: Command, path: string[] = [], inherited: string[] = []): [string, string[]][] {
  return parent.commands.flatMap((command): [string, string[]][] => {
    const own = command.options.flatMap(({ long }) => long ?? []);
    const [name, options] = [
      [...path, command.name()],
      [...inherited, ...own],
    ];
    return command.commands.length > 0 ? commandsBelow(command, name, options) : [[name.join(' '), options.sort()]];
  });
}

/** The options of each command that it cannot do without, where it has such. */
function requiredBelow(parent: Command, path: string[] = []): [string, string[]][] {
  return parent.commands.flatMap((command): [string, string[]][] => {
    const name = [...path, command.name()];
    const required = command.options.filter(({ mandatory }) => mandatory).flatMap(({ long }) => long ?? []);
    return [
      ...(required.length === 0 ? [] : [[name.join(' '), required.sort()] as [string, string[]]]),
      ...requiredBelow(command, name),
    ];
  });
}

const inCode = (cell = ''): string[] => [...cell.matchAll(/`([^`]*)`/g)].map(([, text = '']) => text);

describe('README.md', () => {
  test('lists every command with its options, and none besides', () => {
    const rows = tableAfter(page, '## Command line').map(([command, , options]) => [
      (inCode(command)[0] ?? '').replace(/ [A-Z ]+$/, ''),
      inCode(options).sort(),
    ]);
    expect(new Map(Object.entries(Object.fromEntries(rows)))).toEqual(new Map(commandsBelow(commandLine())));
  });

  test('prints those options in bold that a command cannot do without', () => {
    const bold = tableAfter(page, '## Command line').flatMap(([command, , options = '']) => {
      const required = [...options.matchAll(/\*\*`([^`]*)`\*\*/g)].map(([, option = '']) => option);
      return required.length === 0 ? [] : [[(inCode(command)[0] ?? '').replace(/ [A-Z ]+$/, ''), required.sort()]];
    });
    expect(Object.fromEntries(bold)).toEqual(Object.fromEntries(requiredBelow(commandLine())));
  });

  test('gives the exit codes', () => {
    const text = section(page, '## Command line');
    for (const [code, meaning] of [
      [ExitCode.ok, 'done'],
      [ExitCode.failed, 'failed or refused'],
      [ExitCode.usage, 'wrong command line or configuration'],
      [ExitCode.cutOff, 'a viewing that was ended by something other than a stop'],
    ] as const) {
      expect(text.replaceAll('\n', ' ')).toContain(`${code} ${meaning}`);
    }
  });

  test('rounds its example as the bills do', () => {
    for (const [increment = '', , seconds = '', charge] of tableAfter(page, '## How the billing works')) {
      const tariff = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: Number.parseInt(increment, 10) };
      const computed = runningCharge(61_250 + 12_400, tariff);
      expect(`${computed.billableSeconds} s`).toBe(seconds);
      expect(charge).toBe(`${computed.billableSeconds} × 0.60 / 60 = ${computed.amount} EUR`);
    }
  });

  test('names every folder of the sources', () => {
    const named = tableAfter(page, '## Sources').map(([name]) => inCode(name)[0]);
    const folders = readdirSync(pathOf('src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(named.filter((name) => name !== 'src/relay.ts').sort()).toEqual(folders.map(({ name }) => `src/${name}`).sort());
  });

  test('points at files that are there', () => {
    const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = '']) => path);
    expect(links.filter((path) => !existsSync(pathOf(path)))).toEqual([]);
  });

  test('shows RTMP URLs that publish', () => {
    const urls = [...page.matchAll(/"(rtmps?:\/\/[^"]+)"/g)].map(([, url = '']) => parseRtmpUrl(url));
    expect(urls.length).toBeGreaterThan(0);
    for (const { app, streamName } of urls) expect([app, streamName]).toEqual(['live', 'PROGRAM?key=STREAMKEY']);
  });
});
