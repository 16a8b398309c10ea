import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

/** A checkout with nothing installed, and an npm that fails or does what it is told. */
let clone: string;

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'tollcast-clone-'));
  for (const part of ['bin', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(part, join(clone, part), { recursive: true });
  }
  mkdirSync(join(clone, 'src'));
});

afterEach(() => rmSync(clone, { recursive: true, force: true }));

const run = (script: string, args: string[] = [], env: Record<string, string> = {}) =>
  spawnSync(process.execPath, [join(clone, 'bin', script), ...args], { encoding: 'utf8', env: { ...process.env, ...env } });

/** npm as set-up finds it: a script, and the Node it runs on. */
function npmThat(does: string): Record<string, string> {
  const script = join(clone, 'npm-cli.js');
  writeFileSync(script, `import * as fs from 'node:fs';\n${does}\n`);
  return { npm_execpath: script, npm_node_execpath: process.execPath };
}

/** Leaves a Node in node_modules, and notes what it was asked. */
const workingNpm = () =>
  npmThat(`
    fs.appendFileSync(${JSON.stringify(join(clone, 'asked'))}, process.argv.slice(2, 4).join(' ') + '\\n');
    const folder = ${JSON.stringify(join(clone, 'node_modules', 'node', 'bin'))};
    fs.mkdirSync(folder, { recursive: true });
    if (!fs.existsSync(folder + '/node')) fs.symlinkSync(process.execPath, folder + '/node');
  `);

const asked = () => (existsSync(join(clone, 'asked')) ? readFileSync(join(clone, 'asked'), 'utf8').trim().split('\n') : []);

describe('set-up', () => {
  test('says in its last line that npm failed, and fails', () => {
    const { status, stderr } = run('setup.js', [], npmThat('process.exitCode = 7;'));
    expect(status).toBe(1);
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^tollcast: "npm ci" failed \(exit 7\)/);
  });

  test('installs once, silently does nothing the next time, and installs again when the lock file changed', () => {
    const npm = workingNpm();
    expect(run('setup.js', ['install'], npm)).toMatchObject({ status: 0, stderr: 'tollcast: installing dependencies …\n' });
    expect(run('setup.js', ['install'], npm)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(asked()).toEqual(['ci --ignore-scripts', 'rebuild node']);
    writeFileSync(join(clone, 'package-lock.json'), '{}');
    expect(run('setup.js', ['install'], npm).status).toBe(0);
    expect(asked()).toHaveLength(4);
  });

  test('takes over from one that died', () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    writeFileSync(join(clone, '.setup.lock'), `${pid}`);
    expect(run('setup.js', ['install'], workingNpm()).status).toBe(0);
    expect(existsSync(join(clone, '.setup.lock'))).toBe(false);
  });
});

describe('tollcast', () => {
  test('says what to do when it is not built', () => {
    expect(run('tollcast.js', ['serve'])).toMatchObject({ status: 1, stderr: 'tollcast: not built yet: run "npm run build".\n' });
  });

  test('hands its arguments to the command line, which decides on the exit code', () => {
    mkdirSync(join(clone, 'dist', 'cli'), { recursive: true });
    writeFileSync(
      join(clone, 'dist', 'cli', 'main.js'),
      'export async function main(argv) { console.log(argv.slice(2).join()); process.exitCode = 3; }',
    );
    expect(run('tollcast.js', ['bills', 'export'])).toMatchObject({ status: 3, stdout: 'bills,export\n' });
  });
});
