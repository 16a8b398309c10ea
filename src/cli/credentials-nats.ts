import { resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { type CredentialFolder, changeCredentials } from '../bus/nats-credentials.ts';
import type { Grant } from '../bus/nats-permissions.ts';
import { EDGE_NAME, NAME } from '../bus/nats-subjects.ts';
import { TollcastError } from '../errors.ts';
import { collect, readOptions, withJson } from './options.ts';
import { faint, note, print, printJson, strong } from './output.ts';
import { shellWord } from './own-command.ts';

/** `tollcast credentials nats`: what authority, encryptors and edges need to reach each other over NATS, and may do there. */
export function addNatsCredentials(group: Command): void {
  withJson(
    group
      .command('nats')
      .description("write NATS's configuration, and a credential for each role that needs one")
      .requiredOption('--out <dir>', 'the folder of nats.conf and the credentials; run again on it, this adds to them')
      .option('--authority', 'a credential for the authority')
      .option(
        '--encryptor <name:programs>',
        'one for an encryptor of these programs, as studio:news,sport, or studio:* for all',
        collect,
      )
      .option('--edge <name>', 'one for an edge; may be given several times, as may --encryptor', collect)
      .option('--revoke <credential>', 'take one away: authority, encryptor-NAME or edge-NAME', collect)
      .option('--listen <address>', 'host:port that NATS listens on; 127.0.0.1:4222 if never said')
      .option('--tls-cert <file>', "the NATS server's certificate, PEM")
      .option('--tls-key <file>', 'and its private key')
      .option('--tls-ca <file>', 'certificates of the CA that clients are to know it by'),
  ).action((_: unknown, command: Command) => nats(readOptions(command, NatsOptions)));
}

const notName = 'is no name: 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit';
const file = z
  .string()
  .min(1, 'names no file')
  .transform((path) => resolve(path));

/** studio:news,sport */
const EncryptorGrant = z.string().transform((text, context): Grant => {
  const [name = '', list = '', ...rest] = text.split(':');
  const programs = list.split(',');
  if (!NAME.test(name) || rest.length > 0 || !programs.every((program) => program === '*' || NAME.test(program)))
    context.addIssue({ code: 'custom', message: `"${text}" is not NAME:PROGRAM,PROGRAM… or NAME:*` });
  return { kind: 'encryptor', name, programs };
});

const EdgeGrant = z
  .string()
  .regex(EDGE_NAME, notName)
  .transform((name): Grant => ({ kind: 'edge', name }));

const NatsOptions = z.object({
  json: z.boolean().default(false),
  out: z.string().min(1, 'names no folder'),
  authority: z.boolean().default(false),
  encryptor: z.array(EncryptorGrant).default([]),
  edge: z.array(EdgeGrant).default([]),
  revoke: z.array(z.string()).default([]),
  listen: z
    .string()
    .regex(/^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/, 'is not host:port')
    .optional(),
  tlsCert: file.optional(),
  tlsKey: file.optional(),
  tlsCa: file.optional(),
});

function nats({ out, json, ...options }: z.infer<typeof NatsOptions>): void {
  const authority: readonly Grant[] = options.authority ? [{ kind: 'authority' }] : [];
  const folder = changeCredentials(out, {
    add: [...authority, ...options.encryptor, ...options.edge],
    revoke: options.revoke,
    listen: options.listen,
    tls: tlsOf(options),
  });
  if (json) printJson(folder);
  else printFolder(folder, options.revoke);
}

function tlsOf({
  tlsCert: certFile,
  tlsKey: keyFile,
  tlsCa: caFile,
}: Pick<z.infer<typeof NatsOptions>, 'tlsCert' | 'tlsKey' | 'tlsCa'>) {
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile, caFile };
  if (certFile === undefined && keyFile === undefined && caFile === undefined) return undefined;
  throw new TollcastError('usage', '--tls-cert and --tls-key belong together, and --tls-ca to them');
}

function printFolder({ confFile, listen, tls, credentials }: CredentialFolder, revoked: readonly string[]): void {
  for (const { name, seedFile, isNew } of credentials) {
    if (isNew) print(`${strong(name)}  ${seedFile}  ${faint('(new: move it to the host that it is for)')}`);
    else print(`${strong(name)}  ${faint('(as it was)')}`);
  }
  for (const name of revoked) if (!credentials.some((kept) => kept.name === name)) print(`${strong(name)}  ${faint('revoked')}`);
  const scheme = tls === undefined ? 'nats' : 'tls';
  print(
    `${strong('Clients')}  nats.servers: [${scheme}://${listen}]${tls?.caFile === undefined ? '' : `, nats.tls.caFile: ${tls.caFile}`}`,
  );
  print(`${strong('Start')}    nats-server -c ${shellWord(confFile)}`);
  print(
    `${strong('Reload')}   nats-server --signal reload  ${faint('(or SIGHUP, or systemctl reload nats-server): nothing changes before')}`,
  );
  if (tls === undefined && !/^(127\.|localhost:|\[::1\])/.test(listen))
    note('Without TLS, who can read that network sees when who watches what: give --tls-cert and --tls-key');
}
