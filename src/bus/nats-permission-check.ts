import { TollcastError } from '../errors.ts';
import type { NatsRole, NatsServers } from './nats-connect.ts';
import { describe } from './nats-denials.ts';
import type { NatsLink } from './nats-link.ts';
import { credentialName, type Grant, type Permissions, permissionsOf } from './nats-permissions.ts';
import { ANY, subjectOf } from './nats-subjects.ts';

/** Stands in for any name, and is none: what is sent there reaches nobody. */
const NOBODY = '_probe';

/**
 * Demands that the credential may do what its role needs: a server that denies it does so with a word to the client, and goes on. An
 * encryptor learns of its programs only as they are broadcast, so that a credential for some programs passes here unless it is that
 * of another role.
 * @throws TollcastError `nats-refused`; `nats-unreachable` if the connection is lost meanwhile
 */
export async function demandPermissions(link: NatsLink, { servers, seedFile, role }: NatsServers): Promise<void> {
  const where = servers.join(', ');
  const denied = await deniedOf(link, role).catch((error) => {
    throw new TollcastError('nats-unreachable', `NATS at ${where} does not answer any more: start it again`, { cause: error });
  });
  if (denied.length === 0) return;
  const credential = role.kind === 'encryptor' ? 'encryptor-NAME' : credentialName(grantOf(role));
  throw new TollcastError(
    'nats-refused',
    `NATS at ${where} does not let the credential in ${seedFile} ${denied.join(', ')}: set nats.seedFiles.${role.kind} to the seed ${credential} that tollcast credentials nats wrote, and have the server reload its nats.conf`,
  );
}

async function deniedOf(link: NatsLink, role: NatsRole): Promise<readonly string[]> {
  if (role.kind !== 'encryptor') return probe(link, permissionsOf(grantOf(role)));
  const all = permissionsOf(grantOf(role));
  const denied = await probe(link, all);
  if (denied.length < all.publish.length + all.subscribe.length) return denied;
  // By these the authority's and any edge's are known.
  const others = { publish: [subjectOf.gates(ANY)], subscribe: [subjectOf.chunks(ANY)] };
  const notTheirs = await probe(link, others);
  return notTheirs.length < others.publish.length + others.subscribe.length ? denied : [];
}

/** @returns what is denied, as it is written in the server's configuration */
async function probe(
  link: NatsLink,
  { publish, subscribe }: Pick<Permissions, 'publish' | 'subscribe'>,
): Promise<readonly string[]> {
  const patterns = new Map([...publish, ...subscribe].map((pattern) => [concrete(pattern), pattern]));
  const denied = await link.probe({ publish: publish.map(concrete), subscribe: subscribe.map(concrete) });
  return denied.map(({ operation, subject }) => describe(operation, patterns.get(subject) ?? subject));
}

const concrete = (pattern: string): string => pattern.replace(/[*>]/g, NOBODY);

const grantOf = (role: NatsRole): Grant => {
  switch (role.kind) {
    case 'authority':
      return { kind: 'authority' };
    case 'encryptor':
      return { kind: 'encryptor', name: 'any', programs: [ANY] };
    case 'edge':
      return { kind: 'edge', name: role.edge };
  }
};
