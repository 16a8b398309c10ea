import { globSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Finding } from '../../src/doctor/finding.ts';
import { Deployment } from './deployment.ts';
import { natsServer } from './programs.ts';
import { Scratch, tollcast, until } from './relay-process.ts';

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
        expect(found).toContain('is held by a Tollcast that runs and is ready');
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
