import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { openDataFolder } from '../../src/config/data-folder.ts';
import { generateDeviceKeys, publicJwk } from '../../src/keys/device.ts';
import { thumbprint } from '../../src/keys/node/public-key.ts';
import { tollcast, until } from '../e2e/relay-process.ts';
import { PROGRAM, Show } from './show.ts';

let show: Show;

beforeAll(async () => {
  show = await Show.start();
}, 30_000);

afterAll(() => show.close());

const seconds = (fromNow: number): number => Math.floor(Date.now() / 1_000) + fromNow;
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token as the relay signs it, but for what is said. */
function signed(claims: object = {}, key = openDataFolder(show.relay.data).tokenSecret, typ = 'viewer+jwt'): Promise<string> {
  const right = { iss: 'tollcast', aud: 'tollcast', sub: 'mallory', program: PROGRAM, jti: 'm', exp: seconds(600) };
  return new SignJWT({ ...right, ...claims }).setProtectedHeader({ alg: 'HS256', typ }).sign(key);
}

/** The parts of a good token of somebody else's, with other claims or another header. */
async function edited(claims: object, header: object = {}, signature?: string): Promise<string> {
  const good = await show.token('alice');
  const parts = [part({ ...decodeProtectedHeader(good), ...header }), part({ ...decodeJwt(good), ...claims })];
  return [...parts, signature ?? good.split('.')[2]].join('.');
}

test(
  'a token that is edited, unsigned, of a wrong key, for others or out of its time opens nothing at a program on the air',
  () =>
    show.beside(async () => {
      const jkt = thumbprint(await publicJwk((await generateDeviceKeys()).sign.publicKey));
      const attempts: [string, string, string?][] = [
        ['edited: another viewer', await edited({ sub: 'mallory' })],
        ['edited: without its cap', await edited({ cap: '1000.00' })],
        ['edited: a longer life', await edited({ exp: seconds(86_400) })],
        ['edited: another program', await edited({ program: [PROGRAM, 'sport'] })],
        ['alg: none', await edited({}, { alg: 'none' }, '')],
        ['alg: none, signed', await edited({}, { alg: 'none' })],
        ['no signature', await edited({}, {}, '')],
        ['of a wrong key', await signed({}, new Uint8Array(32))],
        ['for another audience', await signed({ aud: 'elsewhere' })],
        ['of another issuer', await signed({ iss: 'elsewhere' })],
        ['of another kind', await signed({}, undefined, 'operator+jwt')],
        ['not yet valid', await signed({ nbf: seconds(60) })],
        ['not valid any more', await signed({ exp: seconds(-1) }), 'token-expired'],
        ['for another program', await signed({ program: 'sport' }), 'token-wrong-program'],
        ['for another device', await signed({ cnf: { jkt } }), 'device-not-allowed'],
        ['nonsense', 'nonsense'],
      ];
      for (const [what, token, code = 'token-invalid'] of attempts) {
        const viewer = await show.asks('mallory', { token });
        await until(() => viewer.closeCode, what);
        expect({ what, types: viewer.messages.map(({ type }) => type) }).toEqual({ what, types: ['hello', 'error'] });
        expect({ what, ...viewer.last('error') }).toMatchObject({ what, code, fatal: true });
        expect([viewer.keys.size, viewer.wire.length]).toEqual([0, 0]);
      }
      const expired = ['--token', await signed({ exp: seconds(-1) })];
      const viewed = await tollcast('view', show.relay.httpUrl, '--program', PROGRAM, ...expired, '--seconds', '1');
      expect(viewed).toMatchObject({ code: 1, stderr: expect.stringContaining('expired') });
      expect([await show.bill('mallory'), await show.bill('alice')]).toEqual([undefined, undefined]);
      // All of that was refused for what is wrong with it.
      const good = await show.watches('mallory', await signed());
      good.say({ type: 'stop' });
      await until(() => good.last('ended'), 'stopped');
      expect(await show.bill('mallory')).toMatchObject({ endedBy: 'stopped' });
    }),
  30_000,
);
