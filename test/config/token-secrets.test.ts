import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TokenSecrets } from '../../src/config/token-secrets.ts';
import { codeOf } from '../ledger/support.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollcast-secrets-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const kids = (secrets: TokenSecrets, nowMs?: number): string[] => secrets.valid(nowMs).map(({ kid }) => kid);

test('a rotation makes another secret, and the one before is valid until its time is over', () => {
  const secrets = new TokenSecrets(folder);
  const first = secrets.current;
  const nowMs = Date.now();
  const second = secrets.rotate(60, nowMs);
  expect(second.kid).not.toBe(first.kid);
  expect(second.secret).not.toEqual(first.secret);
  expect(secrets.current).toEqual(second);
  expect(kids(secrets, nowMs + 59_999)).toEqual([second.kid, first.kid]);
  expect(kids(secrets, nowMs + 60_000)).toEqual([second.kid]);
  expect(new TokenSecrets(folder).valid(nowMs)).toEqual(secrets.valid(nowMs));
});

test('what another process does is noticed at the next use', () => {
  const [relay, command] = [new TokenSecrets(folder), new TokenSecrets(folder)];
  const first = relay.current;
  const second = command.rotate(60);
  expect(kids(relay)).toEqual([second.kid, first.kid]);
  const third = command.rotate(0);
  expect(kids(relay)).toEqual([third.kid]);
});

test('with nothing to be kept, every secret so far is void and gone from the disk', () => {
  const secrets = new TokenSecrets(folder);
  secrets.rotate(3_600);
  secrets.rotate(3_600);
  expect(readdirSync(folder)).toHaveLength(3);
  const { kid } = secrets.rotate(0);
  expect(kids(secrets)).toEqual([kid]);
  expect(readdirSync(folder)).toEqual(['token.secret']);
});

test('the files are for their owner only, and a secret that is over is removed with its file', () => {
  const secrets = new TokenSecrets(folder);
  const first = secrets.current;
  const nowMs = Date.now();
  secrets.rotate(60, nowMs);
  expect(readdirSync(folder).sort()).toEqual([`token.retired.${first.kid}`, 'token.secret']);
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  expect(secrets.prune(nowMs + 59_999)).toBe(0);
  expect(secrets.prune(nowMs + 60_000)).toBe(1);
  expect(readdirSync(folder)).toEqual(['token.secret']);
  expect(secrets.retired).toEqual([]);
});

test('a process that opens the folder removes what is over, and what a process that died left half done', () => {
  const nowMs = Date.now();
  new TokenSecrets(folder).rotate(1, nowMs - 10_000);
  const draft = join(folder, 'token.draft.4711.0123456789ab');
  writeFileSync(draft, 'x');
  const fresh = join(folder, 'token.draft.4712.0123456789ab');
  writeFileSync(fresh, 'x');
  const longAgo = nowMs / 1_000 - 3_600;
  utimesSync(draft, longAgo, longAgo);
  new TokenSecrets(folder);
  expect(readdirSync(folder).sort()).toEqual(['token.draft.4712.0123456789ab', 'token.secret']);
});

test('a process that died between the two steps of a rotation has voided nothing', () => {
  const secrets = new TokenSecrets(folder);
  const { kid, secret } = secrets.current;
  const until = new Date(Date.now() + 60_000).toISOString();
  writeFileSync(
    join(folder, `token.retired.${kid}`),
    JSON.stringify({ secret: Buffer.from(secret).toString('base64url'), until }),
  );
  const opened = new TokenSecrets(folder);
  expect(opened.current.kid).toBe(kid);
  const next = opened.rotate(3_600);
  expect(kids(opened)).toEqual([next.kid, kid]);
  expect(opened.retired[0]?.untilMs).toBeGreaterThan(Date.now() + 3_500_000);
});

test('files that are broken while a relay runs leave its secrets in place, and are told of', () => {
  const secrets = new TokenSecrets(folder);
  const { kid } = secrets.current;
  const text = readFileSync(join(folder, 'token.secret'), 'utf8');
  rmSync(join(folder, 'token.secret'));
  expect(kids(secrets)).toEqual([kid]);
  expect(secrets.fault).toMatch('token.secret');
  writeFileSync(join(folder, 'token.secret'), text);
  expect(secrets.fault).toBeUndefined();
  writeFileSync(join(folder, 'token.retired.0123456789abcdef'), '{"secret":"c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUtc2hvd24"}');
  expect(kids(secrets)).toEqual([kid]);
  expect(secrets.fault).toMatch('token.retired.0123456789abcdef');
  expect(secrets.fault).not.toMatch('c2Vj');
  expect(codeOf(() => new TokenSecrets(folder))).toBe('secret-invalid');
});

test('no more than sixteen are kept beside the one that signs', () => {
  const secrets = new TokenSecrets(folder);
  for (let kept = 0; kept < 16; kept++) secrets.rotate(60);
  expect(codeOf(() => secrets.rotate(60))).toBe('too-many-secrets');
  expect(kids(secrets)).toHaveLength(17);
  secrets.rotate(0);
  expect(kids(secrets)).toHaveLength(1);
});
