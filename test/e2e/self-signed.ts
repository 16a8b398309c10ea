import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** A DER value (X.690): tag, length, contents. */
function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length < 128 ? Buffer.of(content.length) : Buffer.of(0x82, content.length >> 8, content.length & 0xff);
  return Buffer.concat([Buffer.of(tag), length, content]);
}

const sequence = (...contents: Buffer[]): Buffer => der(0x30, ...contents);
const ECDSA_WITH_SHA256 = sequence(der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
const COMMON_NAME = der(0x06, Buffer.from('550403', 'hex'));
const utcTime = (date: Date): Buffer => der(0x17, Buffer.from(`${date.toISOString().replaceAll(/\D/g, '').slice(2, 14)}Z`));

const pem = (bytes: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;

const HOUR_MS = 3_600_000;

/** A new key and a certificate (RFC 5280) that it signs for itself; both PEM. For tests, where it protects nothing. */
export function selfSigned(
  commonName: string,
  { fromMs = -HOUR_MS, toMs = 24 * HOUR_MS }: { readonly fromMs?: number; readonly toMs?: number } = {},
): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(commonName)))));
  const nowMs = Date.now();
  const serial = Buffer.concat([Buffer.of(1), randomBytes(8)]);
  const unsigned = sequence(
    der(0x02, serial),
    ECDSA_WITH_SHA256,
    name,
    sequence(utcTime(new Date(nowMs + fromMs)), utcTime(new Date(nowMs + toMs))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = der(0x03, Buffer.of(0), sign('sha256', unsigned, privateKey));
  return {
    cert: pem(sequence(unsigned, ECDSA_WITH_SHA256, signature)),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
