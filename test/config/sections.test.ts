import { expect, test } from '@jest/globals';
import { loadRelayConfig } from '../../src/config/relay-config.ts';
import { http } from '../../src/config/sections.ts';
import { codeOf } from '../ledger/support.ts';

test('keys that cannot be answered in their period are refused in one clear line', () => {
  const load = (keys: object) => () => loadRelayConfig(undefined, { keys });
  expect(load({ periodMs: 2_000, minAnswerMs: 1_999 })).not.toThrow();
  expect(codeOf(load({ periodMs: 2_000, minAnswerMs: 2_000 }))).toBe('config-invalid');
  expect(load({ periodMs: 2_000, minAnswerMs: 2_000 })).toThrow(
    /^the configuration is wrong: keys: minAnswerMs = 2000 ms must be less than the period of 2000 ms[^\n]*$/,
  );
});

const withIssuers = (...issuers: object[]) => loadRelayConfig(undefined, { tokens: { issuers } } as object);
const GOOD = { issuer: 'https://shop.example', jwksFile: 'jwks.json' };

test('an issuer may sign with public keys of any kind, unless it is said which', () => {
  expect(withIssuers(GOOD).tokens.issuers).toEqual([{ ...GOOD, algorithms: ['ES256', 'EdDSA', 'RS256'], audience: 'tollcast' }]);
  expect(withIssuers({ issuer: 'x', jwksUrl: 'https://x.example/jwks.json' }).tokens.issuers).toHaveLength(1);
  expect(withIssuers({ issuer: 'x', jwksUrl: 'http://127.0.0.1:8000/jwks.json' }).tokens.issuers).toHaveLength(1);
});

test.each<[string, object[], RegExp]>([
  ['a shared secret', [{ ...GOOD, algorithms: ['HS256'] }], /algorithms/],
  ['no signature', [{ ...GOOD, algorithms: ['none'] }], /algorithms/],
  ['no algorithm', [{ ...GOOD, algorithms: [] }], /algorithms/],
  ["the relay's own name", [{ ...GOOD, issuer: 'tollcast' }], /how the relay itself signs/],
  ['a name that would divide elsewhere', [{ ...GOOD, issuer: 'shop|alice' }], /without \|/],
  ['no name', [{ ...GOOD, issuer: '' }], /issuer/],
  ['the same name twice', [GOOD, GOOD], /has an issuer twice/],
  ['no keys', [{ issuer: 'x' }], /needs one of jwksFile and jwksUrl/],
  ['keys from two places', [{ ...GOOD, jwksUrl: 'https://x.example/jwks.json' }], /needs one of jwksFile and jwksUrl/],
  ['keys over a line that anybody can write to', [{ issuer: 'x', jwksUrl: 'http://x.example/jwks.json' }], /must be https/],
  ['keys from no URL', [{ issuer: 'x', jwksUrl: 'file:///etc/passwd' }], /jwksUrl/],
])('an issuer with %s is refused', (_, issuers, why) => {
  expect(codeOf(() => withIssuers(...issuers))).toBe('config-invalid');
  expect(() => withIssuers(...issuers)).toThrow(why);
});

test.each(['https://shop.example/', 'shop.example', 'https://shop.example/pages', '*', 'https://*.example'])(
  'an allowed origin is scheme, host and port, and not %s',
  (origin) => {
    expect(http.safeParse({ allowedOrigins: [origin] }).error?.issues[0]?.message).toMatch(/is not an origin/);
  },
);

test.each(['https://shop.example', 'http://127.0.0.1:8080', 'http://[::1]:8080'])('%s is an origin', (origin) => {
  expect(http.safeParse({ allowedOrigins: [origin] }).success).toBe(true);
});
