#!/usr/bin/env node
/**
 * Makes a checkout ready to run, and is silent when it is: `node bin/setup.js [install|build]`.
 *
 * npm runs it before `start`, `test` and the rest, on whatever Node the host has (18 or newer; so plain JavaScript, and nothing
 * but what Node brings). It installs when package-lock.json is not what was installed last, and builds when the sources are not
 * what was built last; `install` stops there, `build` builds in any case. What npm runs next runs on the Node that package.json
 * pins, since node_modules/.bin leads its PATH.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isBuilt } from './build-stamp.js';
import { withLock } from './setup-lock.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const pinnedNode = join(modules, 'node', 'bin', 'node');
const installStamp = join(modules, '.tollcast-installed');

class SetupError extends Error {}

function main() {
  if (process.platform === 'win32') throw new SetupError('Tollcast runs on Linux and macOS. On Windows, use WSL.');
  if (Number.parseInt(process.versions.node, 10) < 18) {
    throw new SetupError(`Node ${process.versions.node} is too old to set Tollcast up: install Node 20 or newer.`);
  }
  const mode = process.argv[2];
  const mustBuild = () => mode === 'build' || (mode !== 'install' && !isBuilt(root));
  if (isInstalled() && !mustBuild()) return;
  // `npm start` and `npm test` in two terminals of a fresh clone must not install over each other.
  withLock(join(root, '.setup.lock'), { onWait: (pid) => say(`waiting for another set-up (process ${pid})`) }, () => {
    if (!isInstalled()) install();
    if (mustBuild()) build();
  });
}

/** The Node that was installed is part of it: node_modules may have come from a host of another kind. */
function isInstalled() {
  if (!existsSync(pinnedNode) || !existsSync(installStamp)) return false;
  return readFileSync(installStamp, 'utf8') === installedState();
}

const installedState = () => `${process.platform}-${process.arch} ${sha256(readFileSync(join(root, 'package-lock.json')))}\n`;

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * No package's script runs but that of `node`, which fetches its binary: better-sqlite3 and others bring theirs, and would try
 * to compile them.
 */
function install() {
  say('installing dependencies');
  rmSync(installStamp, { force: true });
  // Development dependencies are wanted even where NODE_ENV is production: the pinned Node and the compiler are among them.
  npm(['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund']);
  npm(['rebuild', 'node', '--ignore-scripts=false']);
  if (spawnSync(pinnedNode, ['--version']).status !== 0) {
    throw new SetupError('The pinned Node (package "node") did not install: no binary of it runs on this machine.');
  }
  writeFileSync(installStamp, installedState());
}

/** Runs npm itself on the host's Node: the pinned one lies in the very folder that `npm ci` deletes. */
function npm(args) {
  const [command, ...first] = npmCommand();
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.startsWith(modules));
  const env = { ...process.env, PATH: path.join(delimiter) };
  const { status, signal, error } = spawnSync(command, [...first, ...args, '--loglevel=error'], {
    cwd: root,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (error !== undefined) throw new SetupError(`npm did not start (${error.message}): install Node with npm.`);
  if (status !== 0) {
    throw new SetupError(
      `"npm ${args[0]}" failed (${signal ?? `exit ${status}`}); it says why above. Is the package registry reachable?`,
    );
  }
}

/** The npm that the user started, and the Node it runs on; or the one on the PATH when this file was run without npm. */
function npmCommand() {
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  if (script === undefined || node === undefined || basename(script) !== 'npm-cli.js') return ['npm'];
  return node.startsWith(modules) ? [script] : [node, script];
}

function build() {
  say('building');
  const { status } = spawnSync(pinnedNode, [join(root, 'bin', 'build.js')], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new SetupError('The build failed; it says why above.');
}

/** On stderr, so that what a command prints can be piped. */
const say = (text) => process.stderr.write(`tollcast: ${text} …\n`);

try {
  main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`tollcast: ${error.message}\n`);
  process.exitCode = 1;
}
