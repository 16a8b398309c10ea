import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { z } from 'zod';
import { messageOf, systemCode, TollcastError } from '../errors.ts';
import { credentialName, type Grant, type NatsServerConfig, natsConf } from './nats-permissions.ts';
import { ANY, NAME } from './nats-subjects.ts';

/**
 * The folder that `tollcast credentials nats` keeps: `credentials.json` (who was given what; no secret), `nats.conf`, which is made
 * from it, and for each credential `NAME.seed`, which is moved to the host that it is for.
 */
export interface CredentialChanges {
  /** An encryptor that is there already gets these programs instead; any other credential that is there stays as it is. */
  readonly add: readonly Grant[];
  /** By `credentialName`. */
  readonly revoke: readonly string[];
  readonly listen?: string | undefined;
  readonly tls?: NatsServerConfig['tls'];
}

export interface CredentialFolder extends Pick<NatsServerConfig, 'listen' | 'tls'> {
  readonly confFile: string;
  readonly credentials: readonly Credential[];
}

export interface Credential {
  readonly name: string;
  readonly publicKey: string;
  readonly seedFile: string;
  readonly isNew: boolean;
}

const name = z.string().regex(NAME);
const Known = z.strictObject({
  listen: z.string().default('127.0.0.1:4222'),
  tls: z.strictObject({ certFile: z.string(), keyFile: z.string(), caFile: z.string().optional() }).optional(),
  users: z
    .array(
      z.strictObject({
        publicKey: z.string().regex(/^U[A-Z2-7]{55}$/),
        grant: z.discriminatedUnion('kind', [
          z.strictObject({ kind: z.literal('authority') }),
          z.strictObject({ kind: z.literal('edge'), name }),
          z.strictObject({
            kind: z.literal('encryptor'),
            name,
            programs: z
              .array(z.union([name, z.literal(ANY)]))
              .min(1)
              .readonly(),
          }),
        ]),
      }),
    )
    .default([]),
}) satisfies z.ZodType<NatsServerConfig>;
type Known = z.infer<typeof Known>;
type User = Known['users'][number];

/**
 * Gives and takes credentials. No seed that is there is changed.
 * @throws TollcastError `credential-unknown` for a revocation, `config-invalid` for a file that is not ours, `out-unwritable`
 */
export function changeCredentials(folder: string, changes: CredentialChanges): CredentialFolder {
  try {
    return change(folder, changes);
  } catch (error) {
    if (systemCode(error) === undefined || error instanceof TollcastError) throw error;
    throw new TollcastError('out-unwritable', `the folder ${folder} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

function change(folder: string, { add, revoke, listen, tls }: CredentialChanges): CredentialFolder {
  mkdirSync(folder, { recursive: true });
  const stateFile = join(folder, 'credentials.json');
  const confFile = join(folder, 'nats.conf');
  const seedFile = (credential: string) => join(folder, `${credential}.seed`);
  const known = readKnown(stateFile);
  for (const credential of revoke) demandCredential(known.users, credential);

  const users = new Map(known.users.map((user) => [credentialName(user.grant), user]));
  for (const credential of revoke) users.delete(credential);
  for (const grant of add) {
    const credential = credentialName(grant);
    const publicKey = users.get(credential)?.publicKey ?? seedIn(seedFile(credential), revoke.includes(credential));
    users.set(credential, { publicKey, grant });
  }
  const next: Known = { listen: listen ?? known.listen, tls: tls ?? known.tls, users: [...users.values()] };
  replaceFile(stateFile, `${JSON.stringify(next, null, 2)}\n`);
  replaceFile(confFile, natsConf(next, nkeys.createUser().getPublicKey()));
  // Last, so that a command that is cut short can be repeated.
  for (const credential of revoke) if (!users.has(credential)) rmSync(seedFile(credential), { force: true });

  const before = new Set(known.users.map(({ publicKey }) => publicKey));
  const credentials = [...users].map(
    ([credential, { publicKey }]): Credential => ({
      name: credential,
      publicKey,
      seedFile: resolve(seedFile(credential)),
      isNew: !before.has(publicKey),
    }),
  );
  return { confFile: resolve(confFile), listen: next.listen, tls: next.tls, credentials };
}

function readKnown(file: string): Known {
  let text = '{}';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  try {
    return Known.parse(JSON.parse(text));
  } catch (error) {
    throw new TollcastError('config-invalid', `${file} is not as tollcast credentials nats wrote it: restore it`, {
      cause: error,
    });
  }
}

function demandCredential(users: readonly User[], credential: string): void {
  const names = users.map(({ grant }) => credentialName(grant));
  if (names.includes(credential)) return;
  const there = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`;
  throw new TollcastError('credential-unknown', `there is no credential ${credential}: ${there}`);
}

/** The public key of a seed: of the one in the file, if it is there from a command that was cut short, or else of a new one. */
function seedIn(file: string, anew: boolean): string {
  if (anew) rmSync(file, { force: true });
  try {
    const made = openSync(file, 'wx', 0o600);
    writeSync(made, `${Buffer.from(nkeys.createUser().getSeed()).toString()}\n`);
    fsyncSync(made);
    closeSync(made);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
  try {
    return nkeys.fromSeed(Buffer.from(readFileSync(file, 'utf8').trim())).getPublicKey();
  } catch (error) {
    throw new TollcastError('config-invalid', `${file} does not hold a seed: remove it`, { cause: error });
  }
}

/** A server that reloads meanwhile reads the one or the other. */
function replaceFile(file: string, text: string): void {
  const partial = `${file}.${process.pid}.partial`;
  try {
    const made = openSync(partial, 'wx', 0o644);
    writeSync(made, text);
    fsyncSync(made);
    closeSync(made);
    renameSync(partial, file);
  } finally {
    rmSync(partial, { force: true });
  }
}
