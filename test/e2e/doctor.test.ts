import { globSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Finding } from '../../src/doctor/finding.ts';
import { Deployment } from './deployment.ts';
import { freePort } from './free-port.ts';
import { natsServer } from './programs.ts';
import { Scratch, ServerProcess, tollcast, until } from './relay-process.ts';

(natsServer === undefined ? test.skip : test)(
  'the doctor finds each part of a deployment well while it runs, does not disturb it, and a credential that was taken away',
  async () => {
    using scratch = new Scratch();
    const deployment = await Deployment.start('split', scratch);
    try {
      const examined = async (part: string) => {
        const [config = ''] = globSync(scratch.file(`${part}-*.yaml`));
        const { stdout } = await tollcast('doctor', '--config', config, '--data', deployment.data, '--json');
        const { findings } = JSON.parse(stdout) as { findings: Finding[] };
        return {
          problems: findings.filter(({ state }) => state === 'problem'),
          found: findings.map(({ check, found }) => `${check}: ${found}`).join('\n'),
        };
      };
      const parts = ['authority', 'encryptor', 'edge'];
      const results = await Promise.all(parts.map(examined));
      expect(results.map(({ problems }) => problems)).toEqual([[], [], []]);
      for (const { found } of results) {
        expect(found).toMatch(
          /HTTP port \d+ on \S+ is held by .* that runs( on this data folder)? \(\S+, process \d+\), and is ready/,
        );
        expect(found).toContain('which allows all that it needs');
      }
      expect(results[0]?.found).toMatch(/ledger: a server runs on it, and wrote \d+ s ago/);
      expect(results[1]?.found).toContain('answers, and is ready');
      const complaints = deployment.log.split('\n').filter((line) => /"level":(40|50|60)/.test(line));
      expect(complaints).toEqual([]);

      await deployment.nats?.revoke('edge-e1');
      const checksWith = async () => (await examined('edge')).problems.map(({ check }) => check).join();
      await until(async () => (await checksWith()) === 'ports,NATS', 'the edge is cut off, and its seed is gone');
    } finally {
      await deployment.stop();
    }
  },
  60_000,
);

test('the doctor tells the server of this data folder from that of another, at each port', async () => {
  using scratch = new Scratch();
  const [data, other] = [scratch.file('data'), scratch.file('other')];
  const ports = { http: { port: 0 }, rtmp: { port: 0 } };
  const relay = await ServerProcess.start(scratch, 'serve', ports, ['viewers', 'broadcasters'], data);
  try {
    const [http, rtmp] = [relay.url('viewers'), relay.url('broadcasters')].map((url) => new URL(url).port);
    const examined = async (folder: string, httpPort = http, rtmpPort = rtmp) => {
      const flags = ['--http-port', `${httpPort}`, '--rtmp-port', `${rtmpPort}`, '--data', folder];
      const { stdout } = await tollcast('doctor', ...flags, '--quick', '--json');
      const { findings } = JSON.parse(stdout) as { findings: Finding[] };
      return findings.filter(({ check }) => check === 'ports').map(({ state, found }) => `${state}: ${found}`);
    };
    const process = `process ${relay.pid}`;
    const own = (protocol: string) => expect.stringMatching(`^ok: ${protocol} .* runs on this data folder \\(.*${process}\\)`);
    expect(await examined(data)).toEqual([own('HTTP'), own('RTMP')]);
    // Without being asked over HTTP.
    expect((await examined(data, '0'))[1]).toEqual(own('RTMP'));
    const another = expect.stringMatching(`^problem: .* of another data folder, ${data} \\(.*${process}\\): this cannot start$`);
    expect(await examined(other)).toEqual([another, another]);
    expect((await examined(other, '0'))[1]).toEqual(another);
    const [free1, free2] = [String(await freePort()), String(await freePort())];
    expect((await examined(data, free1, free2))[2]).toMatch(`${process}) runs on ${data}, and listens on none of these`);
    expect(await examined(other, free1, free2)).toHaveLength(2);
  } finally {
    await relay.stop();
  }
}, 60_000);
