import { once } from 'node:events';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type CryptoKey,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  SignJWT,
} from 'jose';
import { openDataFolder } from '../../src/config/data-folder.ts';
import { publishFile } from '../../src/ingest/publisher.ts';
import { RawViewer } from './raw-viewer.ts';
import { RelayProcess, Scratch, tollcast, until } from './relay-process.ts';

const CLIP = fileURLToPath(new URL('../../config/demo/clip.flv', import.meta.url));
const SHOP = 'https://shop.example';
const VIDEO = 'https://video.example';
const BANK = 'https://bank.example';
const DOWN = 'https://down.example';

interface Signer {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

async function signer(alg: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid: `${alg}-1` } };
}

/** What a token says; undefined takes a claim out. */
interface Said {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
}

const seconds = (fromNow: number): number => Math.floor(Date.now() / 1_000) + fromNow;

const VIEWER_CLAIMS = { program: 'news', iss: 'tollcast', aud: 'tollcast', sub: 'alice' };

function sign({ header, claims }: Said, key: CryptoKey | Uint8Array, alg: string): Promise<string> {
  const payload = { ...VIEWER_CLAIMS, jti: crypto.randomUUID(), exp: seconds(60), ...claims };
  return new SignJWT(payload).setProtectedHeader({ alg, typ: 'viewer+jwt', ...header }).sign(key);
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The same signature under other claims. */
function edited(token: string, claims: object): string {
  const [header, , signature] = token.split('.');
  return `${header}.${part({ ...decodeJwt(token), ...claims })}.${signature}`;
}

/** The same token in which nobody has signed anything. */
const unsigned = (token: string, alg: string): string =>
  `${part({ ...decodeProtectedHeader(token), alg })}.${token.split('.')[1]}.`;

describe('tokens at a running relay', () => {
  const scratch = new Scratch();
  let relay: RelayProcess;
  let site: Server;
  let secret: Uint8Array;
  let shop: Signer;
  let video: Signer;
  let bank: Signer;
  let publishUrl: string;

  beforeAll(async () => {
    [shop, video, bank] = [await signer('ES256'), await signer('EdDSA'), await signer('RS256')];
    writeFileSync(scratch.file('shop.json'), JSON.stringify({ keys: [shop.jwk] }));
    writeFileSync(scratch.file('video.json'), JSON.stringify({ keys: [video.jwk] }));
    site = createServer((_, response) => response.end(JSON.stringify({ keys: [bank.jwk] }))).listen(0, '127.0.0.1');
    await once(site, 'listening');
    const issuers = [
      { issuer: SHOP, jwksFile: scratch.file('shop.json') },
      { issuer: VIDEO, jwksFile: scratch.file('video.json'), algorithms: ['EdDSA'], audience: 'video-on-air' },
      { issuer: BANK, jwksUrl: `http://127.0.0.1:${(site.address() as AddressInfo).port}/jwks.json` },
      { issuer: DOWN, jwksUrl: 'http://127.0.0.1:9/jwks.json' },
    ];
    relay = await RelayProcess.start(scratch, { tokens: { issuers }, keys: { periodMs: 2_000 } });
    ({ publishUrl } = await relay.addProgram('news'));
    secret = openDataFolder(relay.data).tokenSecret;
  }, 30_000);

  afterAll(async () => {
    await relay.stop();
    site.close();
    scratch[Symbol.dispose]();
  });

  /** What a token is answered with on a control socket; a good one comes as far as that nothing is on. */
  const answer = async (token: string): Promise<string> => {
    const viewer = new RawViewer(relay.httpUrl);
    await viewer.watch('news', token);
    const { code } = await until(() => viewer.last('error'), 'an answer');
    await until(() => viewer.closeCode, 'closed');
    expect(viewer.keys.size).toBe(0);
    return code === 'not-live' ? 'good' : code;
  };

  const operate = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${relay.httpUrl}/v1/viewings`, { headers })).status;
  };

  const own = (said: Said = {}): Promise<string> => sign(said, secret, 'HS256');
  const shops = ({ header, claims }: Said = {}): Promise<string> =>
    sign({ header: { kid: shop.jwk.kid, ...header }, claims: { iss: SHOP, ...claims } }, shop.privateKey, 'ES256');
  const videos = ({ header = {}, claims }: Said = {}): Promise<string> =>
    sign({ header, claims: { iss: VIDEO, aud: 'video-on-air', ...claims } }, video.privateKey, 'EdDSA');
  const banks = ({ header = {}, claims }: Said = {}): Promise<string> =>
    sign({ header, claims: { iss: BANK, ...claims } }, bank.privateKey, 'RS256');

  describe.each<[string, (said?: Said) => Promise<string>]>([
    ['of its own', own],
    ['of an issuer with a file', shops],
    ['of an issuer with an audience of its own', videos],
    ['of an issuer with a URL', banks],
  ])('%s', (_, signed) => {
    test('is good as it should be', async () => {
      expect(await answer(await signed())).toBe('good');
      expect(await answer(await signed({ claims: { nbf: seconds(-5), cap: '1.00', iat: seconds(0) } }))).toBe('good');
      const { aud } = decodeJwt(await signed());
      expect(await answer(await signed({ claims: { aud: ['elsewhere', String(aud)] } }))).toBe('good');
    });

    test.each<[string, () => Promise<string>, string?]>([
      ['expired', () => signed({ claims: { exp: seconds(-1) } }), 'token-expired'],
      ['not yet valid', () => signed({ claims: { nbf: seconds(60) } })],
      ['for another audience', () => signed({ claims: { aud: 'elsewhere' } })],
      ['of another issuer', () => signed({ claims: { iss: 'https://evil.example' } })],
      ['an operator token', () => signed({ header: { typ: 'operator+jwt' } })],
      ['of no type', () => signed({ header: { typ: undefined } })],
      ['of any type', () => signed({ header: { typ: 'JWT' } })],
      ['without exp', () => signed({ claims: { exp: undefined } })],
      ['without sub', () => signed({ claims: { sub: undefined } })],
      ['without jti', () => signed({ claims: { jti: undefined } })],
      ['without iss', () => signed({ claims: { iss: undefined } })],
      ['without aud', () => signed({ claims: { aud: undefined } })],
      ['without program', () => signed({ claims: { program: undefined } })],
      ['with an empty sub', () => signed({ claims: { sub: '' } })],
      ['with a number for a sub', () => signed({ claims: { sub: 7 } })],
      ['with a text for an exp', () => signed({ claims: { exp: '9999999999' } })],
      ['with an endless jti', () => signed({ claims: { jti: 'x'.repeat(129) } })],
      ['under a key that nobody knows', () => signed({ header: { kid: 'other' } })],
      ['edited', async () => edited(await signed(), { sub: 'bob' })],
      ['edited to be another issuer’s', async () => edited(await signed(), { iss: signed === shops ? BANK : SHOP, sub: 'bob' })],
      ['alg: none', async () => unsigned(await signed(), 'none')],
      ['alg: None', async () => unsigned(await signed(), 'None')],
      ['with no signature', async () => `${(await signed()).split('.').slice(0, 2).join('.')}.`],
      ['with half a signature', async () => (await signed()).slice(0, -20)],
    ])('is refused when it is %s', async (_, forge, code = 'token-invalid') => {
      const token = await forge();
      expect(await answer(token)).toBe(code);
      // What its own secret signed as an operator's token is one.
      const isOperator = signed === own && decodeProtectedHeader(token).typ === 'operator+jwt';
      expect(await operate(token)).toBe(isOperator ? 200 : 401);
    });
  });

  test('of the wrong key are refused, for every issuer and every key that there is', async () => {
    const keys: [CryptoKey | Uint8Array, string][] = [
      [secret, 'HS256'],
      [shop.privateKey, 'ES256'],
      [video.privateKey, 'EdDSA'],
      [bank.privateKey, 'RS256'],
      [new Uint8Array(32).fill(1), 'HS256'],
      [(await signer('ES256')).privateKey, 'ES256'],
    ];
    const right = new Map<string, CryptoKey | Uint8Array>([
      ['tollcast', secret],
      [SHOP, shop.privateKey],
      [VIDEO, video.privateKey],
      [BANK, bank.privateKey],
    ]);
    for (const [iss, itsKey] of right) {
      const aud = iss === VIDEO ? 'video-on-air' : 'tollcast';
      for (const [key, alg] of keys) {
        const token = await sign({ claims: { iss, aud } }, key, alg);
        expect({ iss, alg, answer: await answer(token) }).toEqual({
          iss,
          alg,
          answer: key === itsKey ? 'good' : 'token-invalid',
        });
      }
    }
  }, 30_000);

  test('signed with HS256 under a public key, however that is written, are refused: algorithms are not confused', async () => {
    const pem = await exportSPKI(shop.publicKey);
    const texts = [JSON.stringify(shop.jwk), JSON.stringify({ keys: [shop.jwk] }), pem, pem.trim(), String(shop.jwk.x)];
    for (const text of texts) {
      for (const bytes of [Buffer.from(text), Buffer.from(text, 'base64url')]) {
        for (const iss of [SHOP, 'tollcast']) {
          const key = new Uint8Array(bytes);
          const token = await sign({ header: { kid: shop.jwk.kid }, claims: { iss } }, key, 'HS256');
          expect(await answer(token)).toBe('token-invalid');
          expect(await answer(await sign({ claims: { iss } }, key, 'HS256'))).toBe('token-invalid');
        }
      }
    }
  }, 30_000);

  test('that carry a key, or where to find one, are not believed', async () => {
    const { privateKey, jwk } = await signer('ES256');
    for (const header of [
      { jwk },
      { jku: 'https://evil.example/jwks.json' },
      { x5u: 'https://evil.example/x' },
      { crit: ['x'], x: 1 },
    ]) {
      const parts = [
        part({ alg: 'ES256', typ: 'viewer+jwt', ...header }),
        part({ ...VIEWER_CLAIMS, iss: SHOP, jti: 'x', exp: seconds(60) }),
      ];
      const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, Buffer.from(parts.join('.')));
      expect(await answer([...parts, Buffer.from(signature).toString('base64url')].join('.'))).toBe('token-invalid');
    }
  });

  test('of an issuer whose keys cannot be fetched are refused as unavailable, with a reason', async () => {
    const viewer = new RawViewer(relay.httpUrl);
    await viewer.watch('news', await sign({ claims: { iss: DOWN } }, shop.privateKey, 'ES256'));
    const { code, message } = await until(() => viewer.last('error'), 'an answer');
    expect(code).toBe('unavailable');
    expect(message).toMatch(DOWN);
  });

  test('operators’ open no viewing, viewers’ show no viewings, and no issuer makes operators', async () => {
    const data = ['--data', relay.data];
    const operator = (await tollcast('token', 'operator', ...data)).stdout.trim();
    expect(await operate(operator)).toBe(200);
    expect(await answer(operator)).toBe('token-invalid');
    expect(await operate(await own())).toBe(401);
    for (const signed of [shops, videos, banks]) {
      const asOperator = { header: { typ: 'operator+jwt' }, claims: { sub: 'operator' } };
      expect(await operate(await signed(asOperator))).toBe(401);
      expect(await operate(await signed({ ...asOperator, claims: { iss: 'tollcast', aud: 'tollcast' } }))).toBe(401);
    }
  });

  test('of two issuers with the same viewer are billed apart, and neither supersedes the other', async () => {
    const ended = new AbortController();
    const publishing = publishFile(CLIP, publishUrl, { loop: true, signal: ended.signal }).catch(() => undefined);
    await until(() => relay.isLive(), 'live');
    const viewers: RawViewer[] = [];
    for (const token of [await own(), await shops(), await videos(), await banks()]) {
      const viewer = new RawViewer(relay.httpUrl);
      await viewer.watch('news', token);
      await until(() => viewer.last('confirmed'), 'watching');
      viewers.push(viewer);
    }
    await until(() => viewers.every(({ chunks }) => chunks.length > 0), 'all see something');
    expect(viewers.map((viewer) => viewer.last('ended'))).toEqual([undefined, undefined, undefined, undefined]);
    for (const viewer of viewers) {
      viewer.say({ type: 'stop' });
      await until(() => viewer.last('ended'), 'stopped');
    }
    const charges = await relay.charges();
    const names = ['alice', `${BANK}|alice`, `${SHOP}|alice`, `${VIDEO}|alice`];
    expect(charges.map(({ viewer }) => viewer).sort()).toEqual(names.sort());
    ended.abort();
    await publishing;
    await until(async () => !(await relay.isLive()), 'off the air', 40_000);
  }, 90_000);
});

describe('the secret that signs tokens', () => {
  const token = async (data: string, ...kind: string[]): Promise<string> =>
    (await tollcast('token', ...kind, '--data', data)).stdout.trim();
  const VIEWER = ['viewer', '--program', 'news', '--viewer', 'alice'];

  const operate = async ({ httpUrl }: RelayProcess, bearer: string): Promise<number> =>
    (await fetch(`${httpUrl}/v1/viewings`, { headers: { authorization: `Bearer ${bearer}` } })).status;

  const answer = async ({ httpUrl }: RelayProcess, text: string): Promise<string> => {
    const viewer = new RawViewer(httpUrl);
    await viewer.watch('news', text);
    const { code } = await until(() => viewer.last('error'), 'an answer');
    return code === 'not-live' ? 'good' : code;
  };

  let scratch: Scratch;
  let relay: RelayProcess;

  beforeEach(async () => {
    scratch = new Scratch();
    relay = await RelayProcess.start(scratch);
  });

  afterEach(async () => {
    await relay.kill();
    scratch[Symbol.dispose]();
  });

  test('is rotated under a running relay: both are good until the old one is over; then it is forgotten, and its file gone', async () => {
    const { data } = relay;
    await relay.addProgram('news');
    const [before, operator] = [await token(data, ...VIEWER), await token(data, 'operator')];

    const rotated = await tollcast('token', 'rotate', '--keep', '6s', '--data', data, '--json');
    const overMs = Date.now() + 6_000;
    const { kid, kept } = JSON.parse(rotated.stdout) as { kid: string; kept: { kid: string; until: string }[] };
    expect(kept.map((each) => each.kid)).toEqual([decodeProtectedHeader(before).kid]);
    const after = await token(data, ...VIEWER);
    expect(decodeProtectedHeader(after).kid).toBe(kid);
    expect(await answer(relay, after)).toBe('good');
    expect(await answer(relay, before)).toBe('good');
    expect(await operate(relay, operator)).toBe(200);
    const file = `${data}/token.retired.${kept[0]?.kid}`;
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(Date.now()).toBeLessThan(overMs);

    await until(async () => (await operate(relay, operator)) === 401, 'the old one is over');
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(kept[0]?.until ?? ''));
    expect(await answer(relay, before)).toBe('token-invalid');
    expect(await answer(relay, after)).toBe('good');
    await until(() => !existsSync(file), 'removed');
    expect(readdirSync(data).filter((name) => name.startsWith('token'))).toEqual(['token.secret']);
    expect(relay.log).toMatch(kid);
    expect(await relay.stop()).toBe(0);
  }, 40_000);

  test('is rotated at once where it was stolen, whatever was kept before', async () => {
    const { data } = relay;
    await relay.addProgram('news');
    const first = await token(data, ...VIEWER);
    await tollcast('token', 'rotate', '--data', data);
    const second = await token(data, ...VIEWER);
    const operator = await token(data, 'operator');
    expect([await answer(relay, first), await answer(relay, second)]).toEqual(['good', 'good']);
    const { stdout } = await tollcast('token', 'rotate', '--now', '--data', data);
    expect(stdout).toMatch('all tokens that were signed before are void');
    expect(await operate(relay, operator)).toBe(401);
    expect([await answer(relay, first), await answer(relay, second)]).toEqual(['token-invalid', 'token-invalid']);
    expect(await answer(relay, await token(data, ...VIEWER))).toBe('good');
  }, 40_000);

  test('and the one before are both good after a kill and a restart', async () => {
    await relay.addProgram('news');
    const before = await token(relay.data, ...VIEWER);
    await tollcast('token', 'rotate', '--keep', '1h', '--data', relay.data);
    await relay.kill();
    relay = await RelayProcess.start(scratch);
    expect(await answer(relay, before)).toBe('good');
    expect(await answer(relay, await token(relay.data, ...VIEWER))).toBe('good');
  }, 40_000);
});

test.each([
  [['--keep', '1h', '--now'], 2],
  [['--keep', 'soon'], 2],
  [['--data', '/nonexistent/folder'], 1],
])('the secret that signs tokens is not rotated by a wrong command line: %j', async (args, code) => {
  expect(await tollcast('token', 'rotate', ...args)).toMatchObject({ code, stdout: '' });
});
