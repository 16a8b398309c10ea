#!/usr/bin/env node
/** The command line's entry: finds a Node that is new enough, then hands over to dist/cli/main.js. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MIN_NODE = [22, 12];
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const pinnedNode = join(root, 'node_modules', 'node', 'bin', 'node');
const cli = new URL('../dist/cli/main.js', import.meta.url);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])) await run();
else if (existsSync(pinnedNode)) runOnPinnedNode();
else
  fail(
    `Node ${process.versions.node} is too old: install Node ${MIN_NODE.join('.')} or newer, or run "npm run build" here once.`,
  );

async function run() {
  if (!existsSync(cli)) return fail('not built yet: run "npm run build".');
  keepCompiled();
  const { main } = await import(cli.href);
  await main(process.argv);
}

/**
 * Compiling takes a sixth of a command's time. What is kept lies with the user's other caches, if there are any: in Node's default,
 * a folder of /tmp that any user may make, others could leave code of theirs. The last folder is made here and nothing above it,
 * since Node tries for ever to make one below /proc.
 */
function keepCompiled() {
  const { XDG_CACHE_HOME, HOME } = process.env;
  const caches = XDG_CACHE_HOME || (HOME && join(HOME, '.cache'));
  if (!caches || !isAbsolute(caches)) return;
  const folder = join(caches, 'tollcast');
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (error.code !== 'EEXIST') return;
  }
  module.enableCompileCache(folder);
}

/** The same arguments, terminal, signals and exit as if the pinned Node had been started in the first place. */
function runOnPinnedNode() {
  const child = spawn(pinnedNode, [...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
    process.on(signal, () => {
      // A terminal sends these to the child as well; a second one would mean "at once" to it.
      const fromTerminal = process.stdin.isTTY && signal !== 'SIGTERM';
      if (!fromTerminal) child.kill(signal);
    });
  }
  child.on('error', (error) => fail(`the pinned Node does not start: ${error.message}`));
  child.on('exit', (code, signal) => {
    // As shells do for a command that a signal ended.
    process.exitCode = signal === null ? code : 128 + constants.signals[signal];
  });
}

function fail(message) {
  process.stderr.write(`tollcast: ${message}\n`);
  process.exitCode = 1;
}
