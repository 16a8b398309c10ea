import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { commandLine } from '../../src/cli/command-line.ts';
import { ExitCode } from '../../src/cli/exit-code.ts';
import { pathOf } from './page.ts';

const files = readdirSync(pathOf('config/systemd'));
const jobs = ['tollcast-backup.service', 'tollcast-verify.service'];
const units = files.filter((name) => name.endsWith('.service') && !jobs.includes(name));
const common = readFileSync(pathOf('config/systemd/tollcast-.service.d/common.conf'), 'utf8');

/** The values of a setting, in order. */
const valuesOf = (unit: string, setting: string): string[] =>
  [...unit.matchAll(new RegExp(`^${setting}=(.*)$`, 'gm'))].map(([, value = '']) => value);

describe('the systemd units', () => {
  test('are one for each command that runs', () => {
    expect(units.sort()).toEqual(
      ['authority', 'edge', 'edge@', 'encryptor', 'facility', 'relay'].map((name) => `tollcast-${name}.service`),
    );
  });

  test.each(units)('%s runs a command as it is, on an example of ours', (name) => {
    const unit = readFileSync(pathOf(`config/systemd/${name}`), 'utf8');
    const [node, script, typed, ...options] = valuesOf(unit, 'ExecStart')[0]?.split(' ') ?? [];
    expect([node, script]).toEqual(['/opt/tollcast/node_modules/.bin/node', '/opt/tollcast/bin/tollcast.js']);
    const command = commandLine().commands.find((known) => known.name() === typed);
    const flags = options.filter((option) => option.startsWith('--'));
    expect(command?.options.map(({ long }) => long)).toEqual(expect.arrayContaining(flags));
    const config = options[options.indexOf('--config') + 1] ?? '';
    expect(existsSync(pathOf(config.replace('/etc/tollcast/', 'config/').replace('-%i', '')))).toBe(true);
    // Where it has a data folder, that is what it may write to.
    const data = flags.includes('--data') ? [options[options.indexOf('--data') + 1]?.replace('/var/lib/', '')] : [];
    expect(valuesOf(unit, 'StateDirectory')).toEqual(data);
  });

  test.each(jobs)('%s ends by itself, runs a command as it is, and has a timer', (name) => {
    const once = readFileSync(pathOf(`config/systemd/${name}.d/once.conf`), 'utf8');
    expect([valuesOf(once, 'Type'), valuesOf(once, 'Restart')]).toEqual([['oneshot'], ['no']]);
    expect(files).toContain(name.replace('.service', '.timer'));
    const unit = readFileSync(pathOf(`config/systemd/${name}`), 'utf8');
    const [, script, group, typed, ...options] = valuesOf(unit, 'ExecStart')[0]?.split(' ') ?? [];
    expect([script, group]).toEqual(['/opt/tollcast/bin/tollcast.js', 'ledger']);
    const ledger = commandLine().commands.find((known) => known.name() === 'ledger');
    const command = ledger?.commands.find((known) => known.name() === typed);
    const known = [...(ledger?.options ?? []), ...(command?.options ?? [])].map(({ long }) => long);
    expect(known).toEqual(expect.arrayContaining(options.filter((option) => option.startsWith('--'))));
  });

  test('do not try a wrong configuration again, and leave time to close', () => {
    expect(valuesOf(common, 'RestartPreventExitStatus')).toEqual([String(ExitCode.usage)]);
    expect(Number(valuesOf(common, 'TimeoutStopSec')[0])).toBeGreaterThan(5);
  });

  test('let Node compile as it runs, and no memory reach the disk', () => {
    expect(valuesOf(common, 'MemoryDenyWriteExecute')).toEqual([]);
    expect([valuesOf(common, 'LimitCORE'), valuesOf(common, 'MemorySwapMax')]).toEqual([['0'], ['0']]);
  });
});
