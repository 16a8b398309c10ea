import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Announcement, DeliveryAck, DeliveryBatch, GateMessage, GateSnapshot } from '../../src/bus/nats-messages.ts';
import { permissionsOf } from '../../src/bus/nats-permissions.ts';
import { inboxOf, subjectOf } from '../../src/bus/nats-subjects.ts';
import { OpeningStatement } from '../../src/keys/encryptor-opening.ts';
import { EncryptorReceipt } from '../../src/keys/encryptor-receipt.ts';
import {
  AUTHORITY_ENDS,
  AuthorityMessage,
  ENCRYPTOR_ERROR_CODES,
  ENCRYPTOR_PATH,
  ENCRYPTOR_SUBPROTOCOL,
  EncryptorMessage,
  encryptorCloseCode,
  MAX_ENCRYPTOR_MESSAGE_BYTES,
} from '../../src/protocol/encryptor-messages.ts';
import { codeIn, pathOf, section, tableAfter } from './page.ts';

const page = readFileSync(pathOf('docs/PROTOCOL.md'), 'utf8');
const ENCRYPTORS = '## Encryptors on other hosts';
const NATS = '## Between hosts: NATS';

/** What stands in backquotes. */
const inCode = (cell = ''): string[] => [...cell.matchAll(/`([^`]*)`/g)].map(([, text = '']) => text);

const MESSAGES = [
  ...EncryptorMessage.options.map(({ shape }) => ({ from: 'Encryptor', shape, schema: EncryptorMessage })),
  ...AuthorityMessage.options.map(({ shape }) => ({ from: 'Authority', shape, schema: AuthorityMessage })),
].map(({ from, shape, schema }) => ({
  heading: `### ${from}: \`${shape.type.value}\``,
  type: shape.type.value,
  fields: Object.keys(shape),
  schema,
}));

describe.each(MESSAGES)('docs/PROTOCOL.md, $heading', ({ heading, type, fields, schema }) => {
  test('has every field of the schema in its table', () => {
    const known = tableAfter(page, heading).flatMap(([names]) => inCode(names));
    expect(known.sort()).toEqual([...fields].sort());
  });

  test('has an example that the schema accepts', () => {
    expect(schema.parse(JSON.parse(codeIn(section(page, heading), 'json') ?? ''))).toEqual(expect.objectContaining({ type }));
  });
});

describe("docs/PROTOCOL.md, the encryptor's protocol", () => {
  const text = section(page, ENCRYPTORS);

  test('has no message that the schemas do not have', () => {
    const headings = [...text.matchAll(/^### (?:Encryptor|Authority): .*$/gm)].map(String);
    expect(headings.sort()).toEqual(MESSAGES.map(({ heading }) => heading).sort());
  });

  test('has every error code, with its close code', () => {
    const rows = tableAfter(page, "### Encryptors' error codes").map(([code, close]) => [inCode(code)[0], Number(close)]);
    expect(rows).toEqual(ENCRYPTOR_ERROR_CODES.map((code) => [code, encryptorCloseCode(code)]));
  });

  test('has every reason that the authority ends a broadcast for', () => {
    const reason = tableAfter(page, '### Authority: `end`').find(([name]) => name === '`reason`');
    expect(inCode(reason?.[2])).toEqual([...AUTHORITY_ENDS]);
  });

  test.each([
    ['### Opening statement', OpeningStatement],
    ["### Encryptor's receipt", EncryptorReceipt],
  ])('%s has every member of its schema', (heading, schema) => {
    expect(tableAfter(page, heading).map(([member]) => inCode(member)[0])).toEqual(Object.keys(schema.shape));
  });

  test('names the path, the subprotocol and the largest message', () => {
    expect(text).toContain(`\`WS ${ENCRYPTOR_PATH}\``);
    expect(text).toContain(`\`${ENCRYPTOR_SUBPROTOCOL}\``);
    expect(text).toContain(MAX_ENCRYPTOR_MESSAGE_BYTES.toLocaleString('en'));
  });
});

describe('docs/PROTOCOL.md, what crosses NATS', () => {
  /** As the page writes a subject: with PROGRAM or EDGE in it. */
  const written = (subject: string): string => subject.replace(/\bprogram\b/, 'PROGRAM').replace(/\bedge$|edge(?=\.>)/, 'EDGE');

  test('has every subject', () => {
    const { chunks, catchUp, ...ofEdges } = subjectOf;
    const subjects = [chunks('program'), catchUp('program', 'edge'), ...Object.values(ofEdges).map((subject) => subject('edge'))];
    expect(tableAfter(page, NATS).map(([subject]) => inCode(subject)[0])).toEqual(subjects.map(written));
  });

  test('says what each role may do, and no more', () => {
    const grants = [
      { kind: 'authority' },
      { kind: 'encryptor', name: 'studio', programs: ['program'] },
      { kind: 'edge', name: 'edge' },
    ] as const;
    const lines = section(page, NATS).split('\n');
    const rows = grants.map(({ kind }) => lines.find((line) => line.startsWith(`| ${kind}`))?.split('|') ?? []);
    const expected = grants.map((grant) => {
      const { publish, subscribe, answers } = permissionsOf(grant);
      return { publish: publish.map(written), subscribe: subscribe.map(written), answers };
    });
    const said = rows.map(([, , publish = '', subscribe]) => ({
      publish: inCode(publish),
      subscribe: inCode(subscribe),
      answers: publish.includes('and answers'),
    }));
    expect(said).toEqual(expected);
    expect(section(page, NATS)).toContain(`\`${written(`${inboxOf('edge')}.>`)}\``);
  });

  test.each([
    ['### Gates', [GateMessage, GateSnapshot]],
    ['### Deliveries', [DeliveryBatch, DeliveryAck]],
    ['### Announcements', [Announcement]],
  ] as const)('%s has an example of each message', (heading, schemas) => {
    const examples = [...section(page, heading).matchAll(/```json\n(.*?)```/gs)].map(([, json = '']): unknown =>
      JSON.parse(json),
    );
    expect(examples).toHaveLength(schemas.length);
    schemas.forEach((schema, at) => {
      expect(schema.parse(examples[at])).toEqual(examples[at]);
    });
  });

  test.each([
    ['### Gates', GateMessage.shape.change.unwrap()],
    ['### Deliveries', DeliveryBatch.shape.deliveries.element],
  ] as const)('%s has every kind with its members', (heading, schema) => {
    const kinds = tableAfter(page, heading).map(([kind]) => inCode(kind)[0]);
    expect(kinds).toEqual(schema.options.map(({ shape }) => shape.kind.value));
    for (const { shape } of schema.options)
      for (const member of Object.keys(shape)) expect(section(page, heading)).toMatch(new RegExp(`[\`"]${member}[\`"]`));
  });
});
