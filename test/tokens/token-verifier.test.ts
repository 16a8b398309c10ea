import { expect, test } from '@jest/globals';
import { tokenSecret } from '../../src/tokens/token-secret.ts';
import { TokenVerifier } from '../../src/tokens/token-verifier.ts';
import { signViewerToken } from '../../src/tokens/viewer-token.ts';

const SECRET = new Uint8Array(32).fill(7);
const signed = () => signViewerToken({ viewer: 'ada', programs: ['news'], ttlSeconds: 60 }, SECRET);

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** The last character of a signature of 32 bytes has two bits that encode nothing. */
const withOtherBits = (token: string) => token.slice(0, -1) + BASE64URL[BASE64URL.indexOf(token.at(-1) ?? '') + 1];

test.each<[string, (token: string) => string]>([
  ['white space', (token) => `${token} `],
  ['padding', (token) => `${token}=`],
  ['white space in the middle', (token) => token.replace('.', '\n.')],
  ['bits that encode nothing', withOtherBits],
])('a token has one text: it is none with %s', async (_, rewritten) => {
  const tokens = new TokenVerifier({ valid: () => [tokenSecret(SECRET)] });
  const token = await signed();
  expect(await tokens.viewer(token)).toMatchObject({ viewer: 'ada' });
  await expect(tokens.viewer(rewritten(token))).rejects.toMatchObject({ code: 'token-invalid' });
});

test('a token is judged by the secrets of its coming, however long its viewer waits', async () => {
  let secrets = [tokenSecret(SECRET)];
  const tokens = new TokenVerifier({ valid: () => secrets });
  const token = await signed();
  const waiting = await tokens.ready(token);
  secrets = [];
  expect(await waiting(0)).toMatchObject({ viewer: 'ada' });
  await expect(tokens.viewer(token)).rejects.toMatchObject({ code: 'token-invalid' });
});
