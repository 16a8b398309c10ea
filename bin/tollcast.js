#!/usr/bin/env node
/** The command line's entry: finds a Node that is new enough, then hands over to dist/cli/main.js. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
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
  const { main } = await import(cli.href);
  await main(process.argv);
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
