import { createECDH, generateKeyPairSync, KeyObject, randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CompactSign, calculateJwkThumbprint, compactDecrypt, compactVerify, importJWK } from 'jose';
import * as z from 'zod';
import { type DeviceKeys, generateDeviceKeys, PublicJwk, publicJwk } from '../../src/keys/device.ts';
import { agreeWith } from '../../src/keys/node/agreement.ts';
import { wrapTo, wrapUnder } from '../../src/keys/node/jwe.ts';
import { verifySelfSigned, verifyStatement } from '../../src/keys/node/jws.ts';
import * as node from '../../src/keys/node/possession.ts';
import { importPublicKey, thumbprint } from '../../src/keys/node/public-key.ts';
import { proofKey, provePossession } from '../../src/keys/possession.ts';
import { signStatement } from '../../src/keys/signed.ts';
import { encoded, es256, mutatedCompact, signedCompact, trickedHeader } from '../fuzz/jose/compact.ts';
import { Random } from '../sim/random.ts';

/** jose is what devices have, and the measure here: what it makes the authority takes, and what it refuses so does the authority. */
const Anything = z.unknown();
const RECEIPT = 'tollcast-receipt+jws';
const HEADER = { alg: 'ES256', typ: RECEIPT };

const device: DeviceKeys = await generateDeviceKeys();
const key = KeyObject.from(device.sign.publicKey);
const sign = (payload: object) => signStatement(RECEIPT, payload, device.sign.privateKey);
const verified = (jws: string) => verifyStatement(RECEIPT, jws, key, Anything);
const joseVerified = async (jws: string) =>
  JSON.parse(
    new TextDecoder().decode((await compactVerify(jws, device.sign.publicKey, { algorithms: ['ES256'] })).payload),
  ) as unknown;

describe('a statement', () => {
  test('that jose signed is verified, whatever it says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (payload) => {
        const said = JSON.parse(JSON.stringify(payload)) as object;
        expect(JSON.stringify(verified(await sign(said)))).toBe(JSON.stringify(said));
      }),
      { numRuns: 200 },
    );
  });

  test('that was changed is refused wherever jose refuses it, and says the same where it is not', async () => {
    const texts = [await sign({ viewing: 'v1', epoch: 5, chunks: 42 }), await sign({ viewing: 'v2', epoch: 6, chunks: 1 })];
    const random = new Random(1);
    const counts = { both: 0, neither: 0 };
    for (let input = 0; input < 3_000; input++) {
      const jws = mutatedCompact(random, random.pick(texts), texts);
      const said = await Promise.resolve(jws)
        .then(verified)
        .catch(() => undefined);
      const joses = await joseVerified(jws).catch(() => undefined);
      if (said === undefined) counts.neither++;
      else {
        counts.both++;
        expect({ jws, said }).toEqual({ jws, said: joses });
      }
    }
    expect(counts.both).toBeGreaterThan(10);
    expect(counts.neither).toBeGreaterThan(2_000);
  });

  test('with a header that has led verifiers astray is refused, though its signature is right', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const random = new Random(2);
    const signed = (header: object | string) => signedCompact(header, { epoch: 5 }, es256(pair.privateKey));
    const verify = (jws: string) => verifyStatement(RECEIPT, jws, pair.publicKey, Anything);
    const joseKey = await importJWK(pair.publicKey.export({ format: 'jwk' }), 'ES256');
    expect(verify(signed(HEADER))).toEqual({ epoch: 5 });
    for (let input = 0; input < 300; input++) {
      const jws = signed(trickedHeader(random, HEADER));
      const isGood = await compactVerify(jws, joseKey, { algorithms: ['ES256'] }).then(
        ({ protectedHeader }) => protectedHeader.typ === RECEIPT,
        () => false,
      );
      if (!isGood) expect(() => verify(jws)).toThrow();
    }
    for (const header of [
      { ...HEADER, b64: true },
      { ...HEADER, crit: [] },
      { typ: RECEIPT },
      { alg: 'ES256' },
      [HEADER],
      'null',
      '{',
    ])
      expect(() => verify(signed(header))).toThrow('its header is wrong');
  });

  test('is one text only: no padding, white space, other alphabet, spare bit or part more or less', async () => {
    const jws = await sign({ epoch: 5 });
    const [header = '', payload = '', signature = ''] = jws.split('.');
    const spare = `${signature.slice(0, -1)}${String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1)}`;
    expect(Buffer.from(spare, 'base64url')).toEqual(Buffer.from(signature, 'base64url'));
    const others = [
      `${header}.${payload}.${spare}`,
      `${jws}=`,
      `${jws} `,
      ` ${jws}`,
      `${jws}.`,
      `${jws}.${signature}`,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -2)}`,
      '',
    ];
    for (const other of others) expect(() => verified(other)).toThrow();
  });

  test('with more members than the schema has, or another payload than JSON, is refused', async () => {
    const Strict = z.strictObject({ epoch: z.int() });
    expect(verifyStatement(RECEIPT, await sign({ epoch: 5 }), key, Strict)).toEqual({ epoch: 5 });
    const more = await sign({ epoch: 5, more: true });
    expect(() => verifyStatement(RECEIPT, more, key, Strict)).toThrow('its payload is wrong');
    const text = await new CompactSign(Buffer.from('\ufeff{}')).setProtectedHeader(HEADER).sign(device.sign.privateKey);
    expect(() => verified(text)).toThrow('not JSON');
  });

  test('names its key itself only by a whole public one, and is signed by that', async () => {
    const jwk = await publicJwk(device.sign.publicKey);
    const signed = (named: unknown) =>
      new CompactSign(Buffer.from('{"epoch":5}'))
        .setProtectedHeader({ ...HEADER, jwk: named as PublicJwk })
        .sign(device.sign.privateKey);
    const verify = (jws: string) => verifySelfSigned(RECEIPT, jws, Anything);
    expect(verify(await signed(jwk))).toMatchObject({ statement: { epoch: 5 }, jwk });
    const stranger = await publicJwk((await generateDeviceKeys()).sign.publicKey);
    for (const wrong of [undefined, stranger, { ...jwk, d: jwk.x }, { ...jwk, crv: 'P-384' }, { ...jwk, y: jwk.x }]) {
      const jws = await signed(wrong);
      expect(() => verify(jws)).toThrow();
    }
  });
});

describe('a public key', () => {
  test('has the thumbprint that jose gives it', async () => {
    const jwk = await publicJwk(device.sign.publicKey);
    expect(thumbprint(jwk)).toBe(await calculateJwkThumbprint(jwk));
  });

  test('off the curve is refused, as jose refuses it', async () => {
    const part = () => randomBytes(32).toString('base64url');
    const beyond = Buffer.alloc(32, 0xff).toString('base64url');
    for (const [x, y] of [
      [part(), part()],
      [beyond, part()],
      [encoded('\0'.repeat(32)), encoded('\0'.repeat(32))],
    ]) {
      const jwk = PublicJwk.parse({ kty: 'EC', crv: 'P-256', x, y });
      expect(() => importPublicKey(jwk)).toThrow();
      await expect(importJWK(jwk, 'ES256')).rejects.toThrow();
    }
  });
});

describe('a wrapped key', () => {
  const purpose = { viewing: 'v1', epoch: 5 };

  test('is opened by jose, under a shared key and by agreement', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.string(), async (plaintext, viewing) => {
        const shared = new Uint8Array(randomBytes(32));
        const under = await compactDecrypt(wrapUnder(shared, 'tollcast-key+jwe', plaintext, { viewing }), shared);
        expect(under.protectedHeader).toEqual({ alg: 'dir', enc: 'A256GCM', typ: 'tollcast-key+jwe', viewing });
        const to = wrapTo(KeyObject.from(device.agree.publicKey), 'tollcast-session+jwe', plaintext, { viewing });
        const agreed = await compactDecrypt(to, device.agree.privateKey);
        expect(agreed.protectedHeader).toMatchObject({ alg: 'ECDH-ES', enc: 'A256GCM', typ: 'tollcast-session+jwe', viewing });
        expect([under, agreed].map((opened) => Buffer.from(opened.plaintext))).toEqual([plaintext, plaintext].map(Buffer.from));
      }),
      { numRuns: 50 },
    );
  });

  test('has a nonce of its own each time, and an ephemeral key', () => {
    const shared = randomBytes(32);
    const made = Array.from({ length: 100 }, () => wrapUnder(shared, 'tollcast-key+jwe', randomBytes(32), purpose));
    expect(new Set(made.map((jwe) => jwe.split('.')[2])).size).toBe(100);
    const agree = KeyObject.from(device.agree.publicKey);
    expect(new Set(Array.from({ length: 20 }, () => agreeWith(agree, 'A256GCM').epk.x)).size).toBe(20);
  });

  /** RFC 7518, appendix C, by Bob's side of it; there the key is of 128 bits and the parties have names, so only the secret is the same. */
  test('is agreed by the x-coordinate, its leading zeros kept', () => {
    const bob = createECDH('prime256v1');
    bob.generateKeys();
    const jwk = (point: Buffer) => ({
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    });
    for (let tries = 0; tries < 600; tries++) {
      const { epk } = agreeWith(importPublicKey(PublicJwk.parse(jwk(bob.getPublicKey()))), 'A256GCM');
      expect([epk.x.length, epk.y.length]).toEqual([43, 43]);
    }
  });
});

describe('a proof of possession', () => {
  test('that a device made by WebCrypto is right, for its holder and epoch only', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.string(),
        fc.nat(),
        async (contentKey, holder, epoch) => {
          const proof = await provePossession(await proofKey(contentKey), holder, epoch);
          const possession = node.proofKey(contentKey);
          expect(node.checkPossession(possession, holder, epoch, proof)).toBe(true);
          expect(node.checkPossession(possession, `${holder}.`, epoch, proof)).toBe(false);
          expect(node.checkPossession(possession, holder, epoch + 1, proof)).toBe(false);
          expect(node.checkPossession(node.proofKey(Buffer.alloc(32, 1)), holder, epoch, proof)).toBe(false);
          expect(node.checkPossession(possession, holder, epoch, proof.slice(0, -4))).toBe(false);
        },
      ),
      { numRuns: 50 },
    );
  });
});
