import { MAX_ANSWER_PARTS } from './nats-long-answer.ts';
import { ANY, inboxOf, subjectOf } from './nats-subjects.ts';

/** The configuration of nats-server that gives each role just what it needs. What is not allowed here is denied. */

export type Grant =
  | { readonly kind: 'authority' }
  /** `programs`: names, or `*` for every program. */
  | { readonly kind: 'encryptor'; readonly name: string; readonly programs: readonly string[] }
  | { readonly kind: 'edge'; readonly name: string };

export interface NatsUser {
  readonly grant: Grant;
  /** NKey of a user: `U…` */
  readonly publicKey: string;
}

export interface NatsServerConfig {
  /** `host:port` */
  readonly listen: string;
  /** Absolute paths. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile?: string | undefined } | undefined;
  readonly users: readonly NatsUser[];
}

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer where a question that it received says. */
  readonly answers: boolean;
}

/** Names a credential among all: `authority`, `edge-NAME`, `encryptor-NAME`. */
export const credentialName = (grant: Grant): string =>
  grant.kind === 'authority' ? 'authority' : `${grant.kind}-${grant.name}`;

export function permissionsOf(grant: Grant): Permissions {
  switch (grant.kind) {
    case 'authority':
      return {
        publish: [subjectOf.gates(ANY)],
        subscribe: [subjectOf.snapshot(ANY), subjectOf.deliveries(ANY), subjectOf.edges(ANY)],
        answers: true,
      };
    case 'encryptor':
      return {
        publish: grant.programs.map(subjectOf.chunks),
        subscribe: grant.programs.map((program) => subjectOf.catchUp(program, ANY)),
        answers: true,
      };
    case 'edge': {
      const { name } = grant;
      return {
        publish: [subjectOf.edges(name), subjectOf.catchUp(ANY, name), subjectOf.snapshot(name), subjectOf.deliveries(name)],
        subscribe: [subjectOf.chunks(ANY), subjectOf.gates(name), `${inboxOf(name)}.>`],
        answers: false,
      };
    }
  }
}

/** A chunk holds at most what RTMP ingest takes as one message, and no more than this is advised. */
const MAX_MESSAGE = '8MB';
/** A client that does not read for so long is cut off; the picture of the others does not wait for it anyhow. */
const WRITE_DEADLINE = '2s';
/** How long an answer may take. */
const ANSWER_WITHIN = '10s';

/**
 * The text of `nats.conf`.
 * @param nobody NKey of a user whose seed nobody has: a server without any user would let everybody in
 */
export function natsConf({ listen, tls, users }: NatsServerConfig, nobody: string): string {
  return [
    '# Written by `tollcast credentials nats`, which writes it anew each time: settings of your own go into a file that includes it.',
    '',
    `listen: ${quoted(listen)}`,
    `max_payload: ${MAX_MESSAGE}`,
    `write_deadline: ${quoted(WRITE_DEADLINE)}`,
    ...(tls === undefined ? [] : tlsBlock(tls)),
    '',
    'authorization {',
    '  users: [',
    ...users.flatMap(userBlock),
    ...(users.length === 0 ? ['    # nobody', `    { nkey: ${nobody} }`] : []),
    '  ]',
    '}',
    '',
  ].join('\n');
}

const tlsBlock = ({ certFile, keyFile, caFile }: NonNullable<NatsServerConfig['tls']>): string[] => [
  '',
  'tls {',
  `  cert_file: ${quoted(certFile)}`,
  `  key_file: ${quoted(keyFile)}`,
  ...(caFile === undefined ? [] : [`  ca_file: ${quoted(caFile)}`]),
  '}',
];

function userBlock({ grant, publicKey }: NatsUser): string[] {
  const { publish, subscribe, answers } = permissionsOf(grant);
  return [
    `    # ${credentialName(grant)}`,
    '    {',
    `      nkey: ${publicKey}`,
    '      permissions: {',
    `        publish: { allow: [${publish.map(quoted).join(', ')}] }`,
    `        subscribe: { allow: [${subscribe.map(quoted).join(', ')}] }`,
    ...(answers ? [`        allow_responses: { max: ${MAX_ANSWER_PARTS}, expires: ${quoted(ANSWER_WITHIN)} }`] : []),
    '      }',
    '    }',
  ];
}

const quoted = (text: string): string => JSON.stringify(text);
