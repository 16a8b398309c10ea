import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { runningCharge } from '../../src/billing/charge.ts';
import { publishRefused } from '../../src/ingest/rtmp-replies.ts';
import { PublicJwk } from '../../src/keys/device.ts';
import { ReceiptStatement } from '../../src/keys/receipt.ts';
import { ResumeStatement } from '../../src/keys/resume.ts';
import { WatchStatement } from '../../src/keys/watch.ts';
import { Flag } from '../../src/media/chunk.ts';
import {
  CONTROL_SUBPROTOCOL,
  closeCode,
  ERROR_CODES,
  MAX_CONTROL_MESSAGE_BYTES,
  MEDIA_SUBPROTOCOL,
  ProgramList,
  ServerMessage,
  ViewerMessage,
} from '../../src/protocol/messages.ts';
import { END_REASONS } from '../../src/viewing/end-reason.ts';
import { codeIn, pathOf, section, tableAfter } from './page.ts';

const page = readFileSync(pathOf('docs/PROTOCOL.md'), 'utf8');
const plain = (cell = ''): string => cell.replaceAll('`', '');

/** `ticket` goes both ways; the server's has a heading of its own. */
const serverHeading = (type: string): string => (type === 'ticket' ? '### `ticket` (from the server)' : `### \`${type}\``);

const MESSAGES = [
  ...ViewerMessage.options.map(({ shape }) => ({
    type: shape.type.value,
    fields: Object.keys(shape),
    heading: `### \`${shape.type.value}\``,
    schema: ViewerMessage,
  })),
  ...ServerMessage.options.map(({ shape }) => ({
    type: shape.type.value,
    fields: Object.keys(shape),
    heading: serverHeading(shape.type.value),
    schema: ServerMessage,
  })),
];

describe.each(MESSAGES)('docs/PROTOCOL.md, $heading', ({ type, fields, heading, schema }) => {
  const text = section(page, heading);

  test('has every field of the schema in its table', () => {
    const known = fields.length === 1 ? ['type'] : tableAfter(page, heading).map(([name]) => plain(name));
    expect(known.filter((name) => !name.includes('.')).sort()).toEqual([...fields].sort());
  });

  test('has an example that the schema accepts', () => {
    expect(schema.parse(JSON.parse(codeIn(text, 'json') ?? ''))).toEqual(expect.objectContaining({ type }));
  });
});

describe('docs/PROTOCOL.md', () => {
  test('has no message that the schemas do not have', () => {
    const headings = [...section(page, '## Messages from the viewer').matchAll(/^### .*$/gm)].concat([
      ...section(page, '## Messages from the server').matchAll(/^### .*$/gm),
    ]);
    expect(headings.map(String).sort()).toEqual(MESSAGES.map(({ heading }) => heading).sort());
  });

  test('has every error code, with its close code', () => {
    const rows = tableAfter(page, '## Error codes').map(([code, fatal, close]) => [plain(code), fatal, close]);
    const expected = ERROR_CODES.map((code) =>
      code === 'receipt-invalid' ? [code, 'no', '–'] : [code, 'yes', String(closeCode(code))],
    );
    expect(rows).toEqual(expected);
  });

  test('has every reason that a viewing ends by, and no other', () => {
    expect(
      tableAfter(page, '## How a viewing ends')
        .map(([reason]) => plain(reason))
        .sort(),
    ).toEqual([...END_REASONS].sort());
  });

  test('has every flag with its value', () => {
    const rows = tableAfter(page, '## Media messages').map(([flag, value]) => [plain(flag), Number(value)]);
    expect(Object.fromEntries(rows)).toEqual(Flag);
  });

  test.each([
    ['### Watch statement', WatchStatement],
    ['### Receipt statement', ReceiptStatement],
    ['### Resume statement', ResumeStatement],
  ])('%s has every member of its schema', (heading, schema) => {
    expect(tableAfter(page, heading).map(([member]) => plain(member))).toEqual(Object.keys(schema.shape));
  });

  test('shows a list of programs and a public key as they are', () => {
    expect(ProgramList.parse(JSON.parse(codeIn(section(page, '## HTTP'), 'json') ?? '')).programs).toHaveLength(1);
    expect(PublicJwk.safeParse(JSON.parse(codeIn(section(page, '## Statements'), 'json') ?? '')).success).toBe(true);
  });

  test('names the subprotocols and the largest control message', () => {
    expect(page).toContain(`\`${CONTROL_SUBPROTOCOL}\``);
    expect(page).toContain(`\`${MEDIA_SUBPROTOCOL}\``);
    expect(section(page, '## Control socket')).toContain(MAX_CONTROL_MESSAGE_BYTES.toLocaleString('en'));
  });

  test('rounds charges as the bills do', () => {
    for (const [billableMs, price, increment, seconds, , charge] of tableAfter(page, '## Billing')) {
      const [pricePerMinute = '', currency = ''] = (price ?? '').split(' ');
      const computed = runningCharge(Number(billableMs), { pricePerMinute, currency, incrementSeconds: Number(increment) });
      expect([computed.billableSeconds, computed.amount]).toEqual([Number(seconds), charge]);
    }
  });

  test('gives the status that a refused publisher gets', () => {
    const refusals = tableAfter(page, '## RTMP').filter(([, status = '']) => plain(status).startsWith('NetStream.'));
    expect(refusals.length).toBeGreaterThan(5);
    for (const [code = '', status] of refusals.flatMap(([codes = '', status]) =>
      codes.split(', ').map((code) => [code, status]),
    )) {
      expect(publishRefused(1, { code: plain(code), message: '' }).toString('latin1')).toContain(plain(status));
    }
  });

  test('has no link into the page that leads nowhere', () => {
    const anchors = new Set(
      [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replaceAll(/[^\w\- ]/g, '')
          .replaceAll(' ', '-'),
      ),
    );
    const links = [...page.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor = '']) => anchor);
    expect(links.filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });
});
