import { createPrivateKey, X509Certificate } from 'node:crypto';
import { standingOf, timeOf } from '../config/certificate-time.ts';
import { type CertificateFiles, readPair } from '../config/certificates.ts';
import { unreachable } from '../errors.ts';
import { type Found, ok, problem, warning } from './finding.ts';

/** Each certificate that a server shows. @throws TollcastError `config-invalid` where it cannot be used */
export function certificate(files: CertificateFiles, publicUrl: string | undefined): readonly Found[] {
  const pair = readPair(files);
  const read = new X509Certificate(pair.cert);
  const about = files.certFile;
  if (!read.checkPrivateKey(createPrivateKey(pair.key)))
    return [problem(`${about} has another key than ${files.keyFile}`, 'put the key in place that the certificate was made with')];
  const names = read.subjectAltName?.replaceAll('IP Address:', 'IP:');
  const named =
    names === undefined
      ? [
          warning(
            `${about} has no subject alternative name: no browser takes it`,
            'have one made with the names that are dialled',
          ),
        ]
      : [ok(`${about} matches its key; it is for ${names}`)];
  return [...named, expiry(about, read), ...forPublicUrl(about, read, publicUrl)];
}

/** Of a CA's certificates in a file, the first. */
export const authorityCertificate = (file: string, pem: Buffer): Found => expiry(file, new X509Certificate(pem));

const RENEW = 'renew it: a running server reads it again by itself';

function expiry(about: string, read: X509Certificate, nowMs = Date.now()): Found {
  const { validFrom, validTo } = read;
  const standing = standingOf(timeOf(read), nowMs);
  switch (standing.is) {
    case 'not-yet':
      return problem(`${about} is valid from ${validFrom} only`, 'check the clock, or the certificate');
    case 'over':
      return problem(`${about} ran out on ${validTo}`, RENEW);
    case 'soon-over':
      return warning(`${about} runs out in ${standing.days} days, on ${validTo}`, RENEW);
    case 'good':
      return ok(`${about} is valid for ${standing.days} days more`);
    default:
      return unreachable(standing);
  }
}

function forPublicUrl(about: string, read: X509Certificate, publicUrl: string | undefined): readonly Found[] {
  if (publicUrl === undefined || !publicUrl.startsWith('https:')) return [];
  const { hostname } = new URL(publicUrl);
  const known = /^[\d.]+$|^\[/.test(hostname) ? read.checkIP(hostname.replace(/[[\]]/g, '')) : read.checkHost(hostname);
  return known === undefined
    ? [
        problem(
          `${about} is not for ${hostname}, which publicUrl sends viewers to`,
          'have a certificate made for that name, or correct publicUrl',
        ),
      ]
    : [ok(`${about} is for ${hostname}, as publicUrl demands`)];
}
