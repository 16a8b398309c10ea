import { KeyObject, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { CompactEncrypt, calculateJwkThumbprint, decodeProtectedHeader } from 'jose';
import { type DeviceKeys, generateDeviceKeys, publicJwk } from '../../src/keys/device.ts';
import { decryptContentKey, decryptSessionKey } from '../../src/keys/key-update.ts';
import { encryptContentKey, encryptSessionKey } from '../../src/keys/node/key-update.ts';
import * as authority from '../../src/keys/node/possession.ts';
import { thumbprint } from '../../src/keys/node/public-key.ts';
import { verifyReceipt } from '../../src/keys/node/receipt.ts';
import { verifyResume } from '../../src/keys/node/resume.ts';
import { verifyWatch } from '../../src/keys/node/watch.ts';
import { proofKey } from '../../src/keys/possession.ts';
import { signReceipt } from '../../src/keys/receipt.ts';
import { signResume } from '../../src/keys/resume.ts';
import { signWatch, tokenHash } from '../../src/keys/watch.ts';

const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };
let device: DeviceKeys;
let other: DeviceKeys;

beforeAll(async () => {
  [device, other] = await Promise.all([generateDeviceKeys(), generateDeviceKeys()]);
});

const publicKeyOf = ({ publicKey }: CryptoKeyPair): KeyObject => KeyObject.from(publicKey);

const flipped = (compact: string, part: number): string => {
  const parts = compact.split('.');
  const text = parts[part] ?? '';
  parts[part] = `${text.slice(0, 4)}${text[4] === 'A' ? 'B' : 'A'}${text.slice(5)}`;
  return parts.join('.');
};

describe('a watch statement', () => {
  const asked = { program: 'news', tariff: TARIFF, token: 'the.viewer.token', challenge: 'c1' };

  test('carries consent, token hash and both keys, and never the token', async () => {
    const jws = await signWatch(asked, device);
    const { statement, signJwk } = verifyWatch(jws);
    expect(statement).toMatchObject({
      program: 'news',
      tariff: TARIFF,
      challenge: 'c1',
      tokenHash: await tokenHash(asked.token),
    });
    expect(thumbprint(signJwk)).toBe(await calculateJwkThumbprint(await publicJwk(device.sign.publicKey)));
    expect(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()).not.toContain(asked.token);
  });

  test('with a changed payload or signature is refused', async () => {
    const jws = await signWatch(asked, device);
    expect(() => verifyWatch(flipped(jws, 1))).toThrow();
    expect(() => verifyWatch(flipped(jws, 2))).toThrow();
  });
});

describe('a key update', () => {
  test('that is compressed is refused, whatever it holds', async () => {
    const sessionKey = new Uint8Array(randomBytes(32));
    const of = { viewing: 'v1', epoch: 5 };
    const sealed = (more: object) =>
      new CompactEncrypt(new Uint8Array(32))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', typ: 'tollcast-key+jwe', ...of, ...more })
        .encrypt(sessionKey);
    await expect(decryptContentKey(await sealed({}), of, sessionKey)).resolves.toHaveLength(32);
    await expect(decryptContentKey(await sealed({ zip: 'DEF' }), of, sessionKey)).rejects.toThrow();
  });

  test('reaches its viewing under the session key that was agreed', async () => {
    const sessionKey = new Uint8Array(randomBytes(32));
    const contentKey = new Uint8Array(randomBytes(32));
    const session = encryptSessionKey(sessionKey, 'v1', publicKeyOf(device.agree));
    const update = encryptContentKey(contentKey, { viewing: 'v1', epoch: 5 }, sessionKey);
    expect(decodeProtectedHeader(update)).toMatchObject({
      alg: 'dir',
      enc: 'A256GCM',
      typ: 'tollcast-key+jwe',
      viewing: 'v1',
      epoch: 5,
    });
    const agreed = await decryptSessionKey(session, 'v1', device.agree.privateKey);
    expect(await decryptContentKey(update, { viewing: 'v1', epoch: 5 }, agreed)).toEqual(contentKey);
  });

  test('is worth nothing to another device, for another viewing or for another epoch', async () => {
    const sessionKey = new Uint8Array(randomBytes(32));
    const session = encryptSessionKey(sessionKey, 'v1', publicKeyOf(device.agree));
    const update = encryptContentKey(new Uint8Array(32), { viewing: 'v1', epoch: 5 }, sessionKey);
    await expect(decryptSessionKey(session, 'v1', other.agree.privateKey)).rejects.toThrow();
    await expect(decryptSessionKey(session, 'v2', device.agree.privateKey)).rejects.toThrow();
    await expect(decryptContentKey(update, { viewing: 'v1', epoch: 6 }, sessionKey)).rejects.toThrow();
    await expect(decryptContentKey(update, { viewing: 'v2', epoch: 5 }, sessionKey)).rejects.toThrow();
    await expect(decryptContentKey(session, { viewing: 'v1', epoch: 5 }, sessionKey)).rejects.toThrow();
  });
});

describe('a receipt', () => {
  const contentKey = new Uint8Array(32).fill(7);
  const keyOf = (epoch: number) => (epoch === 5 ? authority.proofKey(contentKey) : undefined);

  test('proves that the device holds the key', async () => {
    const jws = await signReceipt({ viewing: 'v1', epoch: 5, chunks: 42 }, await proofKey(contentKey), device.sign.privateKey);
    expect(verifyReceipt(jws, 'v1', publicKeyOf(device.sign), keyOf)).toMatchObject({ viewing: 'v1', epoch: 5, chunks: 42 });
  });

  test('without the key, by another device, for another viewing or another epoch is refused', async () => {
    const right = await proofKey(contentKey);
    const wrong = await proofKey(new Uint8Array(32).fill(8));
    const sign = (of: { viewing: string; epoch: number; chunks: number }, key: CryptoKey, by: DeviceKeys) =>
      signReceipt(of, key, by.sign.privateKey);
    const verify = (jws: string) => () => verifyReceipt(jws, 'v1', publicKeyOf(device.sign), keyOf);
    expect(verify(await sign({ viewing: 'v1', epoch: 5, chunks: 0 }, wrong, device))).toThrow('proof of possession');
    expect(verify(await sign({ viewing: 'v1', epoch: 5, chunks: 0 }, right, other))).toThrow('signature');
    expect(verify(await sign({ viewing: 'v2', epoch: 5, chunks: 0 }, right, device))).toThrow('another viewing');
    expect(verify(await sign({ viewing: 'v1', epoch: 6, chunks: 0 }, right, device))).toThrow('epoch 6');
    expect(verify(await signResume({ viewing: 'v1', challenge: 'c' }, device))).toThrow('tollcast-receipt+jws');
  });
});

test('a viewing is resumed by its own device only', async () => {
  const jws = await signResume({ viewing: 'v1', challenge: 'c2' }, device);
  expect(verifyResume(jws, publicKeyOf(device.sign)).statement).toMatchObject({ viewing: 'v1', challenge: 'c2' });
  expect(() => verifyResume(jws, publicKeyOf(other.sign))).toThrow();
});
