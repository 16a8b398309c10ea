import { once } from 'node:events';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { openDataFolder } from '../../src/config/data-folder.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { appendNow } from '../../src/ledger/chain-writer.ts';
import { selfSigned } from '../e2e/self-signed.ts';
import { scratchFolder, tollcast } from './command.ts';
import { CONSENT_SEQ, tamper, writeEvenings } from './evening.ts';

const { folder, remove } = scratchFolder();
afterAll(remove);

/** A configuration as a file; YAML is a superset of JSON. */
function configFile(config: object): string {
  const file = join(folder, `${Math.random()}.yaml`);
  writeFileSync(file, JSON.stringify(config));
  return file;
}

const FREE = { http: { port: 0 }, rtmp: { port: 0 } };

async function examined(config: object, ...more: string[]) {
  const { code, stdout, stderr } = await tollcast('doctor', '--config', configFile({ ...FREE, ...config }), '--json', ...more);
  expect(stderr).toBe('');
  const told = JSON.parse(stdout) as { ok: boolean; role: string | null; findings: Finding[] };
  expect(told.ok).toBe(code === 0);
  const of = (check: string) => told.findings.filter((finding) => finding.check === check);
  return { code, role: told.role, of, problems: told.findings.filter(({ state }) => state === 'problem') };
}

describe('doctor', () => {
  test('finds nothing wrong before the first start, and makes nothing', async () => {
    const data = join(folder, 'none', 'yet');
    const { code, role, of, problems } = await examined({}, '--data', data);
    expect([code, role, problems]).toEqual([0, 'relay', []]);
    expect(of('ledger')).toMatchObject([{ state: 'ok', found: expect.stringContaining('the first start makes it') }]);
    expect(of('disk')).toMatchObject([{ found: expect.stringContaining('1,000 viewers') }]);
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  test('says for people what each line is, and what to do', async () => {
    const data = join(folder, 'people');
    openDataFolder(data);
    chmodSync(join(data, 'token.secret'), 0o644);
    const { code, stdout } = await tollcast('doctor', '--config', configFile(FREE), '--data', data);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok {7}configuration +.*: valid, of role relay/);
    expect(stdout).toMatch(
      /\nproblem {2}data folder +\S+token\.secret is open to others .*mode 644\)\n +→ chmod 600 \S+token\.secret\n/,
    );
    expect(stdout).toMatch(/\n1 problem, \d+ warnings?\n$/);
  });

  test('names a configuration that is wrong, and the roles of those that are not', async () => {
    expect(await examined({ rtmp: { prot: 1935 } })).toMatchObject({
      code: 1,
      role: null,
      problems: [{ check: 'configuration', found: expect.stringContaining('prot') }],
    });
    const nats = { servers: ['nats://127.0.0.1:1'], seedFiles: { edge: join(folder, 'none.seed') } };
    const edge = { rtmp: undefined, edge: 'e1', nats };
    expect(await examined(edge)).toMatchObject({
      code: 1,
      role: 'edge',
      problems: [{ check: 'NATS', found: expect.stringContaining('there is no file') }],
    });
    expect((await tollcast('doctor', '--role', 'nobody')).code).toBe(2);
  });

  test('tells a port that something else has from one that is free', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { of, problems } = await examined({ rtmp: { port } }, '--data', join(folder, 'ports'));
    server.close();
    expect(problems).toEqual(of('ports').slice(1));
    expect(problems).toMatchObject([
      { found: expect.stringMatching(`^RTMP port ${port} on 127.0.0.1 is held by another process`) },
    ]);
  });

  test('looks at the port of media threads where there are any', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const data = ['--data', join(folder, 'media')];
    const withThreads = await examined({ viewers: { mediaThreads: 2, mediaPort: port } }, ...data);
    const without = await examined({ viewers: { mediaPort: port } }, ...data);
    server.close();
    expect(withThreads.problems).toMatchObject([
      { found: expect.stringMatching(`^media port ${port} on 127.0.0.1 is held by another process`) },
    ]);
    expect(without.problems).toEqual([]);
  });

  test("takes serve's flags over the file, and has them for no other role", async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { of, problems } = await examined({}, '--http-port', `${port}`, '--data', join(folder, 'flags'));
    server.close();
    expect(problems).toEqual(of('ports').slice(0, 1));
    expect(problems).toMatchObject([{ found: expect.stringContaining('is held by something that is no Tollcast') }]);
    expect((await tollcast('doctor', '--role', 'edge', '--http-port', '8081')).code).toBe(2);
    expect((await tollcast('doctor', '--http-port', 'many')).code).toBe(2);
  });

  test("asks for the role where a file may be a facility's or a relay's, and tells it otherwise", async () => {
    const seedFiles = { authority: 'a.seed', encryptor: 'e.seed' };
    const nats = { servers: ['nats://127.0.0.1:1'], seedFiles };
    const { role, problems } = await examined({ nats });
    expect(role).toBe(null);
    expect(problems).toMatchObject([{ check: 'configuration', remedy: 'say which: --role facility or --role relay' }]);
    const of = async (config: object, ...more: string[]) => (await examined(config, ...more)).role;
    expect(await of({ nats }, '--role', 'facility')).toBe('facility');
    expect(await of({ nats, viewers: { tooSlowMs: 10_000 } })).toBe('relay');
    expect(await of({ nats: { ...nats, seedFiles: { authority: 'a.seed' } }, rtmp: undefined })).toBe('authority');
  });

  test('looks at certificates and their keys, and at the keys of issuers', async () => {
    const [mine, other] = [selfSigned('here.example'), selfSigned('there.example')];
    const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
    writeFileSync(files.certFile, mine.cert);
    writeFileSync(files.keyFile, mine.key, { mode: 0o644 });
    const issuers = [
      { issuer: 'file.example', jwksFile: join(folder, 'none.jwks') },
      { issuer: 'url.example', jwksUrl: 'http://127.0.0.1:1/jwks' },
    ];
    const config = { http: { port: 0, tls: files }, tokens: { issuers } };
    const { of } = await examined(config, '--data', join(folder, 'certificates'));
    expect(
      of('certificates').map(({ state, found }) => [state, found.replace(/.*(key|cert)\.pem /, '$1 ').slice(0, 30)]),
    ).toEqual([
      ['problem', 'key is open to every user (mode'.slice(0, 30)],
      ['warning', 'cert has no subject alternative'.slice(0, 30)],
      ['warning', expect.stringMatching(/^cert runs out in [01] days/)],
    ]);
    expect(of('issuers')).toMatchObject([
      { state: 'problem', found: expect.stringContaining('none.jwks') },
      { state: 'problem', found: expect.stringContaining('url.example: no keys from') },
    ]);
    writeFileSync(files.keyFile, other.key);
    expect((await examined(config)).of('certificates')).toMatchObject([{ state: 'problem' }]);
  });

  test('finds a ledger that is not whole, also by its end alone, and a clock that is behind it', async () => {
    const data = join(folder, 'ledger');
    openDataFolder(data);
    writeEvenings(data);
    const later = { boot: 'later', wallAnchorMs: Date.now() + 3_600_000, nowMs: () => 0 };
    appendNow(join(data, 'ledger.db'), later, () => [{ kind: 'life' }]);
    const whole = await examined({}, '--data', data);
    expect(whole.problems).toMatchObject([{ check: 'clock', found: expect.stringMatching(/ (3600|359\d) s later/) }]);
    expect(whole.of('ledger').map(({ found }) => found)).toEqual([
      expect.stringContaining('no server runs on it'),
      expect.stringContaining('all 24 entries are whole'),
      'programs: 1',
    ]);
    tamper(data, CONSENT_SEQ);
    for (const quick of [[], ['--quick']])
      expect((await examined({}, '--data', data, ...quick)).of('ledger')).toContainEqual(
        expect.objectContaining({ state: 'problem', found: expect.stringContaining('entry 5') }),
      );
  });
});
