import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { CompactEncrypt, decodeProtectedHeader } from 'jose';
import { type DeviceKeys, generateDeviceKeys, publicJwk, thumbprint } from '../../src/keys/device.ts';
import { decryptContentKey, decryptSessionKey, encryptContentKey, encryptSessionKey } from '../../src/keys/key-update.ts';
import { proofKey } from '../../src/keys/possession.ts';
import { signReceipt, verifyReceipt } from '../../src/keys/receipt.ts';
import { signResume, verifyResume } from '../../src/keys/resume.ts';
import { signWatch, tokenHash, verifyWatch } from '../../src/keys/watch.ts';

const TARIFF = { pricePerMinute: '0.60', currency: 'EUR', incrementSeconds: 1 };
let device: DeviceKeys;
let other: DeviceKeys;

beforeAll(async () => {
  [device, other] = await Promise.all([generateDeviceKeys(), generateDeviceKeys()]);
});

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
    const { statement, signJwk } = await verifyWatch(jws);
    expect(statement).toMatchObject({
      program: 'news',
      tariff: TARIFF,
      challenge: 'c1',
      tokenHash: await tokenHash(asked.token),
    });
    expect(await thumbprint(signJwk)).toBe(await thumbprint(await publicJwk(device.sign.publicKey)));
    expect(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()).not.toContain(asked.token);
  });

  test('with a changed payload or signature is refused', async () => {
    const jws = await signWatch(asked, device);
    await expect(verifyWatch(flipped(jws, 1))).rejects.toThrow();
    await expect(verifyWatch(flipped(jws, 2))).rejects.toThrow();
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
    const session = await encryptSessionKey(sessionKey, 'v1', device.agree.publicKey);
    const update = await encryptContentKey(contentKey, { viewing: 'v1', epoch: 5 }, sessionKey);
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
    const session = await encryptSessionKey(sessionKey, 'v1', device.agree.publicKey);
    const update = await encryptContentKey(new Uint8Array(32), { viewing: 'v1', epoch: 5 }, sessionKey);
    await expect(decryptSessionKey(session, 'v1', other.agree.privateKey)).rejects.toThrow();
    await expect(decryptSessionKey(session, 'v2', device.agree.privateKey)).rejects.toThrow();
    await expect(decryptContentKey(update, { viewing: 'v1', epoch: 6 }, sessionKey)).rejects.toThrow();
    await expect(decryptContentKey(update, { viewing: 'v2', epoch: 5 }, sessionKey)).rejects.toThrow();
    await expect(decryptContentKey(session, { viewing: 'v1', epoch: 5 }, sessionKey)).rejects.toThrow();
  });
});

describe('a receipt', () => {
  const contentKey = new Uint8Array(32).fill(7);
  const keyOf = (epoch: number) => (epoch === 5 ? proofKey(contentKey) : undefined);

  test('proves that the device holds the key', async () => {
    const jws = await signReceipt({ viewing: 'v1', epoch: 5, chunks: 42 }, await proofKey(contentKey), device.sign.privateKey);
    expect(await verifyReceipt(jws, 'v1', device.sign.publicKey, keyOf)).toMatchObject({ viewing: 'v1', epoch: 5, chunks: 42 });
  });

  test('without the key, by another device, for another viewing or another epoch is refused', async () => {
    const right = await proofKey(contentKey);
    const wrong = await proofKey(new Uint8Array(32).fill(8));
    const sign = (of: { viewing: string; epoch: number; chunks: number }, key: CryptoKey, by: DeviceKeys) =>
      signReceipt(of, key, by.sign.privateKey);
    const verify = (jws: string) => verifyReceipt(jws, 'v1', device.sign.publicKey, keyOf);
    await expect(verify(await sign({ viewing: 'v1', epoch: 5, chunks: 0 }, wrong, device))).rejects.toThrow(
      'proof of possession',
    );
    await expect(verify(await sign({ viewing: 'v1', epoch: 5, chunks: 0 }, right, other))).rejects.toThrow('signature');
    await expect(verify(await sign({ viewing: 'v2', epoch: 5, chunks: 0 }, right, device))).rejects.toThrow('another viewing');
    await expect(verify(await sign({ viewing: 'v1', epoch: 6, chunks: 0 }, right, device))).rejects.toThrow('epoch 6');
    await expect(verify(await signResume({ viewing: 'v1', challenge: 'c' }, device))).rejects.toThrow('tollcast-receipt+jws');
  });
});

test('a viewing is resumed by its own device only', async () => {
  const jws = await signResume({ viewing: 'v1', challenge: 'c2' }, device);
  expect((await verifyResume(jws, device.sign.publicKey)).statement).toMatchObject({ viewing: 'v1', challenge: 'c2' });
  await expect(verifyResume(jws, other.sign.publicKey)).rejects.toThrow();
});
