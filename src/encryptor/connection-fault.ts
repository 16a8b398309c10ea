import { messageOf, systemCode } from '../errors.ts';

/** Of a certificate that the system's CAs do not vouch for. */
const UNKNOWN_CA: ReadonlySet<string | undefined> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Why there is no connection to the authority, and which setting might be wrong. @param url as it was tried */
export function connectionFault(error: unknown, url: string): string {
  const code = systemCode(error);
  const isTls = url.startsWith('wss:');
  if (isTls && UNKNOWN_CA.has(code))
    return `its certificate is of a CA that is not trusted here (${code}): authority.caFile names a file with the CA's certificate`;
  if (isTls && code === 'EPROTO') return 'it does not speak TLS on that port: without TLS, authority.url begins with ws://';
  if (!isTls && (code === 'ECONNRESET' || code?.startsWith('HPE_')))
    return `it closed the connection without an answer (${messageOf(error)}): if it has TLS on that port, authority.url begins with wss://`;
  return messageOf(error);
}
