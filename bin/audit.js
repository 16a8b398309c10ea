#!/usr/bin/env node
/**
 * Asks the package registry what is known to be wrong with the dependencies that are shipped: `node bin/audit.js`, a part of
 * `npm run check`. A finding of level high or critical fails. Where the registry does not answer, or offers no audit, that is
 * said and nothing fails: whether a check passes must not hang on somebody else's server.
 */
import { spawnSync } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const WITHIN_MS = 30_000;
const SERIOUS = ['high', 'critical'];

const { npm_execpath: script, npm_node_execpath: node } = process.env;
const [command, ...first] =
  script !== undefined && basename(script) === 'npm-cli.js' ? [node ?? process.execPath, script] : ['npm'];
const { stdout, error } = spawnSync(command, [...first, 'audit', '--omit=dev', '--json', '--fetch-retries=0'], {
  cwd: dirname(dirname(fileURLToPath(import.meta.url))),
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
  timeout: WITHIN_MS,
  maxBuffer: 64 << 20,
});
const report = parsed(stdout);
if (report?.metadata?.vulnerabilities === undefined) say(`dependencies were not audited: ${reason(report)}`);
else judge(report);

/** `vulnerabilities`: by package. */
function judge({ vulnerabilities = {}, metadata }) {
  const serious = Object.values(vulnerabilities).filter(({ severity }) => SERIOUS.includes(severity));
  const total =
    Object.values(metadata.vulnerabilities).reduce((sum, count) => sum + count, 0) - (metadata.vulnerabilities.total ?? 0);
  if (serious.length === 0) {
    say(`dependencies were audited: nothing of level high or more is known, ${total} of a lower one`);
    return;
  }
  for (const { name, severity, range, via } of serious) {
    const titles = via.flatMap((cause) => (typeof cause === 'string' ? [] : [`${cause.title} (${cause.url})`]));
    say(`${severity}: ${name} ${range}: ${titles.join('; ') || `by way of ${via.join(', ')}`}`);
  }
  say('update these in package.json, or where nothing newer helps, by its overrides');
  process.exitCode = 1;
}

function reason(report) {
  if (error?.code === 'ETIMEDOUT') return `no answer within ${WITHIN_MS / 1_000} s`;
  if (error !== undefined) return `npm did not start (${error.message})`;
  const message = report?.message ?? report?.error?.summary;
  return message ? String(message).replace(/\S+:\/\/\S+/g, 'the registry') : 'npm gave no report';
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function say(text) {
  process.stderr.write(`tollcast: ${text}\n`);
}
