import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';

const folder = mkdtempSync(join(tmpdir(), 'tollcast-audit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** With an npm that prints this. */
function audit(printed: string) {
  const script = join(folder, 'npm-cli.js');
  writeFileSync(script, `process.stdout.write(${JSON.stringify(printed)}); process.exitCode = 1;`);
  const env = { ...process.env, npm_execpath: script, npm_node_execpath: process.execPath };
  const { status, stderr } = spawnSync(process.execPath, ['bin/audit.js'], { encoding: 'utf8', env });
  return { status, stderr };
}

const report = (severity: string) =>
  JSON.stringify({
    vulnerabilities: {
      ws: { name: 'ws', severity, range: '<8.17.1', via: [{ title: 'A flood', url: 'https://advisory.example' }] },
    },
    metadata: { vulnerabilities: { moderate: 1, high: 0, total: 1 } },
  });

test('a finding of level high or more fails, and names what to update', () => {
  for (const severity of ['high', 'critical'])
    expect(audit(report(severity))).toEqual({
      status: 1,
      stderr: expect.stringContaining(`${severity}: ws <8.17.1: A flood (https://advisory.example)`),
    });
  expect(audit(report('moderate'))).toMatchObject({ status: 0, stderr: expect.stringContaining('1 of a lower one') });
});

test('a registry that does not answer, or offers no audit, is said and fails nothing', () => {
  expect(audit('{"message":"405 Method Not Allowed - POST https://registry.example/-/npm/v1/security/advisories/bulk"}')).toEqual(
    {
      status: 0,
      stderr: 'tollcast: dependencies were not audited: 405 Method Not Allowed - POST the registry\n',
    },
  );
  expect(audit('')).toMatchObject({ status: 0, stderr: expect.stringContaining('npm gave no report') });
});
