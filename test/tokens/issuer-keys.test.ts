import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { keysAt, keysIn } from '../../src/tokens/issuer-keys.ts';
import type { TokenIssuer } from '../../src/tokens/token-issuer.ts';
import { tokenSecret } from '../../src/tokens/token-secret.ts';
import { TokenVerifier } from '../../src/tokens/token-verifier.ts';
import { signViewerToken } from '../../src/tokens/viewer-token.ts';
import { codeOf, newFolder } from '../ledger/support.ts';

const SECRET = new Uint8Array(32).fill(1);

interface Pair {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

async function pair(kid: string, alg = 'ES256'): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } };
}

const sign = (key: Pair, issuer = 'shop', { sub = 'alice', jti = 't1', named = true } = {}): Promise<string> =>
  new SignJWT({ program: 'news' })
    .setProtectedHeader({ alg: key.jwk.alg ?? '', typ: 'viewer+jwt', ...(named ? { kid: key.jwk.kid ?? '' } : {}) })
    .setIssuer(issuer)
    .setAudience('tollcast')
    .setSubject(sub)
    .setJti(jti)
    .setExpirationTime('1m')
    .sign(key.privateKey);

const jwks = (...keys: Pair[]): string => JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });

const verifier = (...issuers: Pick<TokenIssuer, 'issuer' | 'keys'>[]): TokenVerifier =>
  new TokenVerifier(
    { valid: () => [tokenSecret(SECRET)] },
    issuers.map((issuer) => ({ audience: 'tollcast', algorithms: ['ES256', 'EdDSA', 'RS256'], ...issuer })),
  );

const refusal = (verifying: Promise<unknown>): Promise<unknown> =>
  verifying.then(
    () => 'accepted',
    (error: { code: string }) => error.code,
  );

describe('keys in a file', () => {
  test('are read again when they change; a broken file leaves those before in place, and is told of once', async () => {
    const file = `${newFolder()}/jwks.json`;
    const [first, second] = [await pair('1'), await pair('2', 'EdDSA')];
    const faults: unknown[] = [];
    writeFileSync(file, jwks(first));
    const tokens = verifier({ issuer: 'shop', keys: keysIn(file, (error) => faults.push(error)) });
    await tokens.viewer(await sign(first));
    expect(await refusal(tokens.viewer(await sign(second)))).toBe('token-invalid');
    writeFileSync(`${file}.new`, jwks(second));
    renameSync(`${file}.new`, file);
    await tokens.viewer(await sign(second));
    expect(await refusal(tokens.viewer(await sign(first)))).toBe('token-invalid');
    for (const broken of ['{', '{"keys":[]}', JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA' }] })]) {
      faults.length = 0;
      writeFileSync(file, broken);
      await tokens.viewer(await sign(second));
      await tokens.viewer(await sign(second));
      expect(faults).toHaveLength(1);
    }
  });

  test('that are private or shared are refused, and not shown', async () => {
    const file = `${newFolder()}/jwks.json`;
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(privateKey);
    writeFileSync(file, JSON.stringify({ keys: [jwk] }));
    const read = () => keysIn(file, () => undefined);
    expect(codeOf(read)).toBe('config-invalid');
    expect(read).toThrow(/private half/);
    expect(read).not.toThrow(new RegExp(String(jwk.d)));
    writeFileSync(file, JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }));
    expect(codeOf(read)).toBe('config-invalid');
    expect(read).not.toThrow(/c2VjcmV0/);
    writeFileSync(file, '"c2VjcmV0');
    expect(codeOf(read)).toBe('config-invalid');
    expect(read).not.toThrow(/c2VjcmV0/);
  });
});

describe('keys at a URL', () => {
  let server: Server;
  let requests = 0;
  let answer: (response: import('node:http').ServerResponse) => void;

  const serve = async (): Promise<string> => {
    requests = 0;
    server = createServer((_, response) => {
      requests++;
      answer(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  };

  afterEach(() => server.close().closeAllConnections());

  test('are fetched once for many tokens, and again for a key that is new, but not again and again', async () => {
    const [first, second, never] = [await pair('1'), await pair('2'), await pair('3')];
    answer = (response) => response.end(jwks(first, second));
    const tokens = verifier({ issuer: 'shop', keys: keysAt(await serve()) });
    await Promise.all([first, second, first].map(async (key) => tokens.viewer(await sign(key))));
    expect(requests).toBe(1);
    for (let tries = 0; tries < 5; tries++) expect(await refusal(tokens.viewer(await sign(never)))).toBe('token-invalid');
    expect(requests).toBe(1);
    // Several would do, and none is named.
    expect(await refusal(tokens.viewer(await sign(first, 'shop', { named: false })))).toBe('token-invalid');
  });

  test.each<[string, typeof answer]>([
    ['answers with an error', (response) => response.writeHead(500).end()],
    ['sends one elsewhere', (response) => response.writeHead(302, { location: '/other' }).end()],
    ['sends no keys', (response) => response.end('<html>')],
    ['sends too much', (response) => response.end(`{"keys":[],"x":"${'x'.repeat(300_000)}"}`)],
    ['hangs up', (response) => response.destroy()],
    ['says nothing', () => undefined],
  ])('of a site that %s are unavailable, which is not asked of it for every token', async (_, how) => {
    const key = await pair('1');
    answer = how;
    const tokens = verifier({ issuer: 'shop', keys: keysAt(await serve()) });
    const fromMs = performance.now();
    for (let tries = 0; tries < 3; tries++) expect(await refusal(tokens.viewer(await sign(key)))).toBe('unavailable');
    expect(performance.now() - fromMs).toBeLessThan(4_500);
    expect(requests).toBe(1);
    // Nobody else suffers.
    await tokens.viewer(await signViewerToken({ viewer: 'bob', programs: ['news'], ttlSeconds: 60 }, SECRET));
  });

  test('come back with the site', async () => {
    const key = await pair('1');
    answer = (response) => response.writeHead(503).end();
    const tokens = verifier({ issuer: 'shop', keys: keysAt(await serve()) });
    expect(await refusal(tokens.viewer(await sign(key)))).toBe('unavailable');
    answer = (response) => response.end(jwks(key));
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    expect((await tokens.viewer(await sign(key))).viewer).toBe('shop|alice');
  });
});

describe('names', () => {
  test('of two issuers, and of the relay itself, are never the same', async () => {
    const folder = newFolder();
    const [shop, video] = [await pair('1'), await pair('1')];
    writeFileSync(`${folder}/shop`, jwks(shop));
    writeFileSync(`${folder}/video`, jwks(video));
    const tokens = verifier(
      { issuer: 'shop', keys: keysIn(`${folder}/shop`, () => undefined) },
      { issuer: 'video', keys: keysIn(`${folder}/video`, () => undefined) },
    );
    expect(await tokens.viewer(await sign(shop, 'shop'))).toMatchObject({ viewer: 'shop|alice', id: 'shop|t1' });
    expect(await tokens.viewer(await sign(video, 'video'))).toMatchObject({ viewer: 'video|alice', id: 'video|t1' });
    expect(await refusal(tokens.viewer(await sign(shop, 'video')))).toBe('token-invalid');
    // Nor can an issuer take another's by what it calls its own.
    expect((await tokens.viewer(await sign(shop, 'shop', { sub: 'video|alice' }))).viewer).toBe('shop|video|alice');
    const own = (viewer: string) => signViewerToken({ viewer, programs: ['news'], ttlSeconds: 60 }, SECRET);
    expect(await refusal(tokens.viewer(await own('shop|alice')))).toBe('token-invalid');
    expect((await tokens.viewer(await own('auth0|alice'))).viewer).toBe('auth0|alice');
    const ownId = await new SignJWT({ program: 'news' })
      .setProtectedHeader({ alg: 'HS256', typ: 'viewer+jwt' })
      .setIssuer('tollcast')
      .setAudience('tollcast')
      .setSubject('alice')
      .setJti('video|t1')
      .setExpirationTime('1m')
      .sign(SECRET);
    expect(await refusal(tokens.viewer(ownId))).toBe('token-invalid');
  });
});
