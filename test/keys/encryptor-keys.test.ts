import { KeyObject, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import { type DeviceKeys, generateDeviceKeys } from '../../src/keys/device.ts';
import { decryptEncryptorKey, decryptEncryptorSession } from '../../src/keys/encryptor-key.ts';
import { signOpening } from '../../src/keys/encryptor-opening.ts';
import { signEncryptorReceipt } from '../../src/keys/encryptor-receipt.ts';
import { decryptContentKey } from '../../src/keys/key-update.ts';
import { encryptEncryptorKey, encryptEncryptorSession } from '../../src/keys/node/encryptor-key.ts';
import { verifyOpening } from '../../src/keys/node/encryptor-opening.ts';
import { verifyEncryptorReceipt } from '../../src/keys/node/encryptor-receipt.ts';
import { encryptContentKey } from '../../src/keys/node/key-update.ts';
import * as authority from '../../src/keys/node/possession.ts';
import { proofKey } from '../../src/keys/possession.ts';
import { signReceipt } from '../../src/keys/receipt.ts';
import { signResume } from '../../src/keys/resume.ts';
import {
  checkAuthority,
  checkSecret,
  isSecret,
  newSecret,
  proveAuthority,
  proveSecret,
  secretHash,
} from '../../src/keys/secret-proof.ts';

let device: DeviceKeys;
let other: DeviceKeys;

beforeAll(async () => {
  [device, other] = await Promise.all([generateDeviceKeys(), generateDeviceKeys()]);
});

const HELD = { encryptor: 'studio', program: 'news', epoch: 5 };

describe('the proof of a secret', () => {
  test('is good for its secret and its statement only', () => {
    const [secret, another] = [newSecret(), newSecret()];
    const proof = proveSecret(secret, 'statement');
    expect(checkSecret(secretHash(secret), 'statement', proof)).toBe(true);
    expect(checkSecret(secretHash(another), 'statement', proof)).toBe(false);
    expect(checkSecret(secretHash(secret), 'another statement', proof)).toBe(false);
    for (const wrong of ['', 'x', secretHash(secret), secret])
      expect(checkSecret(secretHash(secret), 'statement', wrong)).toBe(false);
  });

  test('does not carry the secret, and cannot be made from what the authority keeps', () => {
    const secret = newSecret();
    const stored = secretHash(secret);
    expect(proveSecret(secret, 'statement')).not.toBe(secret);
    const asSecret = Buffer.from(stored, 'hex').toString('base64url');
    expect(checkSecret(stored, 'statement', proveSecret(asSecret, 'statement'))).toBe(false);
  });

  test('is answered by one of the authority, over what it answers', () => {
    const secret = newSecret();
    const proof = proveAuthority(secretHash(secret), 'statement', 'answer');
    expect(checkAuthority(secret, 'statement', 'answer', proof)).toBe(true);
    expect(checkAuthority(secret, 'statement', 'another', proof)).toBe(false);
    expect(checkAuthority(newSecret(), 'statement', 'answer', proof)).toBe(false);
    expect(checkAuthority(secret, 'statement', 'answer', '')).toBe(false);
  });

  test('is of 256 bits', () => {
    expect(isSecret(newSecret())).toBe(true);
    for (const wrong of ['', 'secret', 'x'.repeat(42), `${'x'.repeat(42)}=`]) expect(isSecret(wrong)).toBe(false);
    expect(() => proveSecret('secret', 'statement')).toThrow('32 bytes');
  });
});

describe('an opening', () => {
  test('names its process, by a key that only the process has', async () => {
    const asked = { encryptor: 'studio', challenge: 'c1' };
    const [first, again, another] = await Promise.all(
      [device, device, other].map(async (by) => verifyOpening(await signOpening(asked, by))),
    );
    expect(first?.statement).toMatchObject(asked);
    expect(again?.process).toBe(first?.process);
    expect(another?.process).not.toBe(first?.process);
    const resume = await signResume({ viewing: 'v1', challenge: 'c1' }, device);
    expect(() => verifyOpening(resume)).toThrow();
  });
});

describe("an encryptor's key", () => {
  test('reaches its process under the session key, for its program and epoch only, and is no key update', async () => {
    const sessionKey = new Uint8Array(randomBytes(32));
    const contentKey = new Uint8Array(randomBytes(32));
    const session = encryptEncryptorSession(sessionKey, 'studio', KeyObject.from(device.agree.publicKey));
    expect(await decryptEncryptorSession(session, 'studio', device.agree.privateKey)).toEqual(sessionKey);
    await expect(decryptEncryptorSession(session, 'studio', other.agree.privateKey)).rejects.toThrow();
    await expect(decryptEncryptorSession(session, 'another', device.agree.privateKey)).rejects.toThrow();
    const jwe = encryptEncryptorKey(contentKey, HELD, sessionKey);
    expect(decodeProtectedHeader(jwe)).toEqual({ alg: 'dir', enc: 'A256GCM', typ: 'tollcast-encryptor-key+jwe', ...HELD });
    expect(await decryptEncryptorKey(jwe, HELD, sessionKey)).toEqual(contentKey);
    for (const wrong of [{ encryptor: 'x' }, { program: 'x' }, { epoch: 6 }])
      await expect(decryptEncryptorKey(jwe, { ...HELD, ...wrong }, sessionKey)).rejects.toThrow();
    const update = encryptContentKey(contentKey, { viewing: 'v1', epoch: 5 }, sessionKey);
    await expect(decryptEncryptorKey(update, HELD, sessionKey)).rejects.toThrow();
    await expect(decryptContentKey(jwe, { viewing: 'v1', epoch: 5 }, sessionKey)).rejects.toThrow();
  });

  test('is confirmed by who holds it, and by nobody else', async () => {
    const contentKey = new Uint8Array(32).fill(7);
    const [right, wrong] = await Promise.all([proofKey(contentKey), proofKey(new Uint8Array(32).fill(8))]);
    const keyOf = (epoch: number) => (epoch === 5 ? authority.proofKey(contentKey) : undefined);
    const verify = (jws: string) => () => verifyEncryptorReceipt(jws, HELD, KeyObject.from(device.sign.publicKey), keyOf);
    const sign = device.sign.privateKey;
    expect(verify(await signEncryptorReceipt(HELD, right, sign))()).toBe(5);
    expect(verify(await signEncryptorReceipt(HELD, wrong, sign))).toThrow('proof of possession');
    expect(verify(await signEncryptorReceipt(HELD, right, other.sign.privateKey))).toThrow('signature');
    expect(verify(await signEncryptorReceipt({ ...HELD, program: 'x' }, right, sign))).toThrow('program');
    expect(verify(await signEncryptorReceipt({ ...HELD, epoch: 6 }, right, sign))).toThrow('epoch 6');
    const viewers = await signReceipt({ viewing: 'v1', epoch: 5, chunks: 0 }, right, sign);
    expect(verify(viewers)).toThrow('tollcast-encryptor-receipt+jws');
  });
});
