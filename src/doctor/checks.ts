import { existsSync } from 'node:fs';
import type { NatsRole } from '../bus/nats-connect.ts';
import { type CertificateFiles, readPair } from '../config/certificates.ts';
import { readConfigured } from '../configured-file.ts';
import { messageOf } from '../errors.ts';
import { isSecret } from '../keys/secret-proof.ts';
import { authorityCertificate, certificate } from './certificates.ts';
import { clock } from './clock.ts';
import { dataFolder, secretFile, space } from './files.ts';
import { type Check, type Finding, type Found, ok, problem } from './finding.ts';
import { issuerKeys } from './issuers.ts';
import { type LedgerFacts, type LedgerOptions, ledger, ledgerFacts } from './ledger.ts';
import { natsReach } from './nats.ts';
import { ports } from './ports.ts';
import { nodeVersion, openFiles } from './process.ts';
import { authorityReach } from './readiness.ts';
import type { Site } from './site.ts';

export interface CheckOptions extends Pick<LedgerOptions, 'quick' | 'onProgress'> {
  /** For how many free space is to last. */
  readonly viewers: number;
}

/** Every check that concerns a site. They read; what one needs of another is looked up anew. */
export function checksOf(site: Site, options: CheckOptions): readonly Check[] {
  const { data, nats, authority } = site;
  return [
    ['node', () => [nodeVersion()]],
    ['open files', () => [openFiles(site)]],
    ['clock', () => clock(data === undefined ? undefined : factsOf(data).lastEntryMs)],
    ['ports', () => ports(site)],
    ...(data === undefined ? [] : dataChecks(data, site, options)),
    ...certificatesOf(site).map((files): Check => ['certificates', () => shown(files, site)]),
    ...site.issuers.map((issuer): Check => ['issuers', async () => [await issuerKeys(issuer)]]),
    ...(authority === undefined ? [] : ([['authority', () => authorityChecks(authority)]] as const)),
    ...(nats === undefined ? [] : site.natsRoles.flatMap((role) => natsChecks(nats, role))),
  ];
}

/** Makes the checks one after the other, and tells of each as it is made. */
export async function* examine(checks: readonly Check[]): AsyncGenerator<Finding> {
  for (const [check, look] of checks) {
    let found: readonly Found[];
    try {
      found = await look();
    } catch (error) {
      // Errors of ours say what to do in the same line.
      found = [{ state: 'problem', found: messageOf(error) }];
    }
    for (const each of found) yield { check, ...each };
  }
}

function dataChecks(
  data: string,
  { keyPeriodMs = 10_000 }: Site,
  { quick, onProgress, viewers }: CheckOptions,
): readonly Check[] {
  return [
    ['data folder', () => dataFolder(data)],
    ['disk', () => [space(data, viewers, keyPeriodMs)]],
    ['ledger', () => ledger(data, { quick, facts: ledgerFacts(data), ...(onProgress && { onProgress }) })],
  ];
}

/** A ledger that cannot be opened is told of where it is looked at. */
function factsOf(data: string): Partial<LedgerFacts> {
  try {
    return ledgerFacts(data);
  } catch {
    return {};
  }
}

const certificatesOf = ({ http, rtmps }: Site): readonly CertificateFiles[] => [
  ...(http.tls === undefined ? [] : [http.tls]),
  ...(rtmps === undefined ? [] : [rtmps]),
];

function shown(files: CertificateFiles, { http, publicUrl }: Site): readonly Found[] {
  readPair(files);
  return [secretFile(files.keyFile, 'private key'), ...certificate(files, files === http.tls ? publicUrl : undefined)];
}

function natsChecks(nats: NonNullable<Site['nats']>, role: NatsRole): readonly Check[] {
  const file = nats.seedFiles[role.kind] ?? '';
  return [
    ['NATS', () => [secretFile(file, `${role.kind}'s seed`)]],
    // Said already where it is missing.
    ['NATS', () => (existsSync(file) ? natsReach(nats, role) : [])],
  ];
}

async function authorityChecks(authority: NonNullable<Site['authority']>): Promise<readonly Found[]> {
  const { secretFile: file, caFile, url } = authority;
  if (!existsSync(file)) return [secretFile(file, "encryptor's secret")];
  const secret = readConfigured(file, 'that the configuration names').toString().trim();
  const ca = caFile === undefined ? undefined : readConfigured(caFile, 'that the configuration names');
  return [
    secretFile(file, "encryptor's secret"),
    isSecret(secret)
      ? ok(`${file} holds a secret of an encryptor`)
      : problem(
          `${file} holds no secret of an encryptor`,
          'put the 43 characters there that tollcast credentials encryptor add showed',
        ),
    ...(ca === undefined || caFile === undefined ? [] : [authorityCertificate(caFile, ca)]),
    await authorityReach({ url }, ca),
  ];
}
