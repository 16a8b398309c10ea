import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  verify,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { encodeMediaMessage } from '../../src/edge/media-message.ts';
import { decryptContentKey, decryptSessionKey } from '../../src/keys/key-update.ts';
import * as authority from '../../src/keys/node/possession.ts';
import { importPublicKey } from '../../src/keys/node/public-key.ts';
import { verifyReceipt } from '../../src/keys/node/receipt.ts';
import { proofKey, provePossession } from '../../src/keys/possession.ts';
import { SFrameOpener, SFrameSealer } from '../../src/sframe/node.ts';
import { CHUNK_SUITE } from '../../src/sframe/suites.ts';
import { splitMediaMessage } from '../../src/viewer/media-message.ts';
import { payloadOf } from '../edge/payload-of.ts';
import { pathOf, section } from './page.ts';

/** Lines `name = value`, whose value may go on in indented lines. */
function valuesIn(text: string): Map<string, string> {
  const joined = text.replaceAll(/\n {2}(?=\S)/g, ' ');
  const lines = joined.matchAll(/^([A-Za-z][\w. ]*?) = *(.+)$/gm);
  return new Map([...lines].map(([, name = '', value = '']) => [name, value.replaceAll(' ', '')]));
}

const values = valuesIn(section(readFileSync(pathOf('docs/PROTOCOL.md'), 'utf8'), '## Worked example'));
const used = new Set<string>();

function text(name: string): string {
  const value = values.get(name);
  if (value === undefined) throw new Error(`the worked example has no "${name}"`);
  used.add(name);
  return value;
}

function hex(name: string): Buffer {
  const bytes = Buffer.from(text(name), 'hex');
  if (bytes.toString('hex') !== text(name)) throw new Error(`"${name}" is not hexadecimal`);
  return bytes;
}

const base64url = (encoded: string): Buffer => Buffer.from(encoded, 'base64url');
const publicJwk = (name: string) => ({ kty: 'EC', crv: 'P-256', x: text(`${name}.x`), y: text(`${name}.y`) }) as const;
const agreeJwk = () => ({ ...publicJwk('agree'), d: text('agree.d') });
const epoch = () => Number(text('epoch'));

const uint64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};

/** RFC 5869, from HMAC alone. */
const extract = (hash: string, ikm: Buffer): Buffer => createHmac(hash, Buffer.alloc(0)).update(ikm).digest();
/** One block is enough for all that is derived here. */
const expand = (hash: string, prk: Buffer, info: Buffer, bytes: number): Buffer =>
  createHmac(hash, prk).update(info).update(Buffer.of(1)).digest().subarray(0, bytes);

function openJwe(jwe: string, key: Buffer): Buffer {
  const [header = '', encryptedKey, iv = '', ciphertext = '', tag = ''] = jwe.split('.');
  expect(encryptedKey).toBe('');
  const decipher = createDecipheriv('aes-256-gcm', key, base64url(iv));
  decipher.setAAD(Buffer.from(header)).setAuthTag(base64url(tag));
  return Buffer.concat([decipher.update(base64url(ciphertext)), decipher.final()]);
}

const jsonPart = (jose: string, part: number): Record<string, unknown> =>
  JSON.parse(base64url(jose.split('.')[part] ?? '').toString());

const CHUNKS = [
  { name: 'preamble', counter: 0 },
  { name: 'media', counter: 10 },
];

describe('the worked example, recomputed by node:crypto alone', () => {
  test('the session key is agreed and unwrapped', () => {
    const jwe = text('sessionKey JWE');
    const { epk, ...header } = jsonPart(jwe, 0);
    expect(header).toEqual({ alg: 'ECDH-ES', enc: 'A256GCM', typ: 'tollcast-session+jwe', viewing: text('viewing') });
    const z = diffieHellman({
      privateKey: createPrivateKey({ key: agreeJwk(), format: 'jwk' }),
      publicKey: createPublicKey({ key: Object(epk), format: 'jwk' }),
    });
    expect(z).toEqual(hex('Z'));
    const agreed = createHash('sha256')
      .update(Buffer.of(0, 0, 0, 1))
      .update(z)
      .update(hex('otherInfo'))
      .digest();
    expect(agreed).toEqual(hex('agreed key'));
    expect(openJwe(jwe, agreed)).toEqual(hex('session key'));
  });

  test('the content key is unwrapped', () => {
    const jwe = text('key JWE');
    expect(jsonPart(jwe, 0)).toEqual({
      alg: 'dir',
      enc: 'A256GCM',
      typ: 'tollcast-key+jwe',
      viewing: text('viewing'),
      epoch: epoch(),
    });
    expect(openJwe(jwe, hex('session key'))).toEqual(hex('content key'));
  });

  test('the proof of possession', () => {
    const key = expand('sha256', extract('sha256', hex('content key')), Buffer.from('Tollcast 1 receipt'), 32);
    expect(key).toEqual(hex('proof key'));
    expect(Buffer.concat([Buffer.from(text('viewing')), Buffer.of(0), uint64(epoch())])).toEqual(hex('proof input'));
    const mac = createHmac('sha256', key).update(hex('proof input')).digest();
    expect(mac).toEqual(hex('proof MAC'));
    expect(mac.toString('base64url')).toBe(text('proof'));
  });

  test('the receipt carries the proof and is signed', () => {
    const jws = text('receipt JWS');
    expect(jsonPart(jws, 0)).toEqual({ alg: 'ES256', typ: 'tollcast-receipt+jws' });
    expect(jsonPart(jws, 1)).toEqual({ viewing: text('viewing'), epoch: epoch(), chunks: 0, proof: text('proof') });
    const [header = '', payload = '', signature = ''] = jws.split('.');
    const key = createPublicKey({ key: publicJwk('sign'), format: 'jwk' });
    const signed = Buffer.from(`${header}.${payload}`);
    expect(verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, base64url(signature))).toBe(true);
  });

  test("the epoch's SFrame key and salt", () => {
    const secret = extract('sha512', hex('content key'));
    expect(secret).toEqual(hex('secret'));
    const label = (prefix: string) => Buffer.concat([Buffer.from(prefix), uint64(epoch()), Buffer.of(0, CHUNK_SUITE.id)]);
    expect(label('SFrame 1.0 Secret key ')).toEqual(hex('key label'));
    expect(label('SFrame 1.0 Secret salt ')).toEqual(hex('salt label'));
    expect(expand('sha512', secret, hex('key label'), 32)).toEqual(hex('key'));
    expect(expand('sha512', secret, hex('salt label'), 12)).toEqual(hex('salt'));
  });

  test.each(CHUNKS)('the $name chunk', ({ name, counter }) => {
    const nonce = hex('salt');
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ counter) >>> 0, 8);
    expect(nonce).toEqual(hex(`${name} nonce`));
    expect(Buffer.concat([hex(`${name} header`), hex(`${name} flags`)])).toEqual(hex(`${name} aad`));
    const cipher = createCipheriv('aes-256-gcm', hex('key'), nonce).setAAD(hex(`${name} aad`));
    const data = Buffer.concat([cipher.update(hex(`${name} plaintext`)), cipher.final()]);
    expect(data).toEqual(hex(`${name} data`));
    expect(cipher.getAuthTag()).toEqual(hex(`${name} tag`));
  });

  test('the media message', () => {
    const chunks = CHUNKS.map(({ name }) =>
      Buffer.concat(['flags', 'header', 'data', 'tag'].map((part) => hex(`${name} ${part}`))),
    );
    const length = (chunk: Buffer) => Buffer.of(0, 0, 0, chunk.length);
    expect(Buffer.concat(chunks.flatMap((chunk) => [length(chunk), chunk]))).toEqual(hex('message'));
  });
});

describe('the worked example, recomputed by Tollcast', () => {
  test('the viewer unwraps both keys', async () => {
    const agree = await crypto.subtle.importKey('jwk', agreeJwk(), { name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']);
    const sessionKey = await decryptSessionKey(text('sessionKey JWE'), text('viewing'), agree);
    expect(Buffer.from(sessionKey)).toEqual(hex('session key'));
    const contentKey = await decryptContentKey(text('key JWE'), { viewing: text('viewing'), epoch: epoch() }, sessionKey);
    expect(Buffer.from(contentKey)).toEqual(hex('content key'));
  });

  test('the viewer makes the proof, and the authority accepts the receipt', async () => {
    expect(await provePossession(await proofKey(hex('content key')), text('viewing'), epoch())).toBe(text('proof'));
    const key = authority.proofKey(hex('content key'));
    const receipt = verifyReceipt(text('receipt JWS'), text('viewing'), importPublicKey(publicJwk('sign')), () => key);
    expect(receipt.proof).toBe(text('proof'));
  });

  test('the encryptor seals and the edge packs the media message', () => {
    const sealer = new SFrameSealer(CHUNK_SUITE, epoch(), hex('content key'));
    const chunks = CHUNKS.map(({ name, counter }) => {
      const flags = hex(`${name} flags`);
      const bytes = Buffer.concat([flags, sealer.seal(counter, flags, hex(`${name} plaintext`))]);
      return { epoch: epoch(), counter, flags: flags[0] ?? 0, bytes };
    });
    expect(payloadOf(encodeMediaMessage(chunks))).toEqual(hex('message'));
  });

  test('the viewer splits it and opens its chunks', () => {
    const opener = new SFrameOpener(CHUNK_SUITE, epoch(), hex('content key'));
    const chunks = splitMediaMessage(Uint8Array.from(hex('message'))) ?? [];
    const opened = chunks.map((chunk) => opener.open(chunk.subarray(0, 1), chunk.subarray(1)));
    expect(opened.map(({ counter }) => counter)).toEqual(CHUNKS.map(({ counter }) => counter));
    expect(opened.map(({ plaintext }) => plaintext)).toEqual(CHUNKS.map(({ name }) => hex(`${name} plaintext`)));
  });
});

test('no line of the worked example is left unchecked', () => {
  expect([...values.keys()].filter((name) => !used.has(name))).toEqual([]);
});
