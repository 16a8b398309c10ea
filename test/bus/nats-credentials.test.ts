import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { output, scratchFolder, tollcast } from '../cli/command.ts';
import { natsServer } from '../e2e/programs.ts';
import { cert, key } from '../ingest/certificate.ts';

const { folder, remove } = scratchFolder();
afterAll(remove);

const credentials = (out: string, ...args: string[]) => ['credentials', 'nats', '--out', join(folder, out), ...args];
const fileIn = (out: string, name: string) => readFileSync(join(folder, out, name), 'utf8');

describe('tollcast credentials nats', () => {
  test('gives each role a credential that nobody else can read, and no permission that matches everything', async () => {
    const printed = await output(
      ...credentials(
        'new',
        '--authority',
        '--edge',
        'a',
        '--edge',
        'b',
        '--encryptor',
        'studio:news,sport',
        '--encryptor',
        'all:*',
      ),
    );
    expect(printed).toContain(`nats-server -c ${join(folder, 'new', 'nats.conf')}`);
    const seeds = readdirSync(join(folder, 'new')).filter((name) => name.endsWith('.seed'));
    expect(seeds.sort()).toEqual(['authority.seed', 'edge-a.seed', 'edge-b.seed', 'encryptor-all.seed', 'encryptor-studio.seed']);
    const conf = fileIn('new', 'nats.conf');
    for (const seed of seeds) {
      expect(statSync(join(folder, 'new', seed)).mode & 0o777).toBe(0o600);
      expect(fileIn('new', seed)).toMatch(/^SU[A-Z2-7]{56}\n$/);
      for (const file of ['nats.conf', 'credentials.json']) expect(fileIn('new', file)).not.toContain(fileIn('new', seed).trim());
    }
    const subjects = [...conf.matchAll(/allow: \[(.*)\]/g)].flatMap(([, list = '']) => list.split(', '));
    expect(subjects).toContain('"tollcast.chunks.sport"');
    for (const subject of subjects)
      expect(subject).toMatch(/^"(tollcast\.[a-z]+\.[a-z*]+|tollcast\.catchup\.[a-z*]+\.[a-z*]+|_INBOX_edge_[ab]\.>)"$/);
    expect(conf).toContain('max_payload: 8MB');
  });

  test('run again adds, gives encryptors other programs, takes away, and changes no seed that stays', async () => {
    await output(
      ...credentials('again', '--authority', '--edge', 'a', '--encryptor', 'studio:news', '--listen', '127.0.0.1:4333'),
    );
    const [authority, edge, studio] = ['authority', 'edge-a', 'encryptor-studio'].map((name) => fileIn('again', `${name}.seed`));
    // Where it belongs is on another host.
    rmSync(join(folder, 'again', 'authority.seed'));
    const again = JSON.parse(
      await output(...credentials('again', '--authority', '--edge', 'a', '--edge', 'b', '--encryptor', 'studio:sport', '--json')),
    );
    expect(again.listen).toBe('127.0.0.1:4333');
    expect(again.credentials.map(({ name, isNew }: { name: string; isNew: boolean }) => [name, isNew])).toEqual([
      ['authority', false],
      ['encryptor-studio', false],
      ['edge-a', false],
      ['edge-b', true],
    ]);
    expect([fileIn('again', 'edge-a.seed'), fileIn('again', 'encryptor-studio.seed')]).toEqual([edge, studio]);
    expect(fileIn('again', 'nats.conf')).not.toContain('chunks.news');

    const revoked = JSON.parse(await output(...credentials('again', '--revoke', 'edge-a', '--json')));
    expect(revoked.credentials.map(({ name }: { name: string }) => name)).not.toContain('edge-a');
    expect(fileIn('again', 'nats.conf')).not.toContain('gates.a');
    expect(readdirSync(join(folder, 'again'))).not.toContain('edge-a.seed');
    await output(...credentials('again', '--edge', 'a'));
    expect(fileIn('again', 'edge-a.seed')).not.toBe(edge);
    expect(authority).toMatch(/^SU/);
  });

  test('says what was wrong, and changes nothing', async () => {
    await output(...credentials('faults', '--authority'));
    const before = fileIn('faults', 'nats.conf');
    for (const [args, code, stderr] of [
      [['--revoke', 'edge-z'], 1, 'there is no credential edge-z: there are authority'],
      [['--edge', 'a.b'], 2, 'is no name'],
      [['--edge', '*'], 2, 'is no name'],
      [['--encryptor', 'studio'], 2, 'is not NAME:PROGRAM'],
      [['--encryptor', 'studio:>'], 2, 'is not NAME:PROGRAM'],
      [['--listen', '4222'], 2, 'is not host:port'],
      [['--tls-cert', 'cert.pem'], 2, 'belong together'],
    ] as const) {
      expect(await tollcast(...credentials('faults', ...args))).toMatchObject({ code, stderr: expect.stringContaining(stderr) });
    }
    expect(fileIn('faults', 'nats.conf')).toBe(before);
    writeFileSync(join(folder, 'faults', 'credentials.json'), '{"users": 3}');
    expect(await tollcast(...credentials('faults', '--edge', 'a'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('restore it'),
    });
  });

  (natsServer === undefined ? test.skip : test)(
    'writes what nats-server takes, with TLS and when nobody is left too',
    async () => {
      const accepts = (out: string) => spawnSync(natsServer ?? '', ['-t', '-c', join(folder, out, 'nats.conf')]).status === 0;
      const [certFile, keyFile] = [join(folder, 'a cert.pem'), join(folder, 'key.pem')];
      writeFileSync(certFile, cert);
      writeFileSync(keyFile, key);
      await output(...credentials('tls', '--authority', '--tls-cert', certFile, '--tls-key', keyFile, '--tls-ca', certFile));
      expect(accepts('tls')).toBe(true);
      await output(...credentials('tls', '--edge', 'a', '--encryptor', 'studio:*', '--listen', '[::1]:4222'));
      expect(accepts('tls')).toBe(true);
      expect(fileIn('tls', 'nats.conf')).toContain(certFile);
      await output(...credentials('tls', '--revoke', 'authority', '--revoke', 'edge-a', '--revoke', 'encryptor-studio'));
      expect(accepts('tls')).toBe(true);
      expect(fileIn('tls', 'nats.conf')).toMatch(/\{ nkey: U[A-Z2-7]{55} \}/);
    },
  );
});
