import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { parse } from 'yaml';
import * as z from 'zod';
import { RelayConfig } from '../../src/config/relay-config.ts';
import { tokens as TokensSection } from '../../src/config/sections.ts';
import { tokenIssuer } from '../../src/tokens/token-issuer.ts';
import { TokenVerifier } from '../../src/tokens/token-verifier.ts';
import { newFolder } from '../ledger/support.ts';
import { codeIn, pathOf, section, tableAfter } from './page.ts';

const page = readFileSync(pathOf('docs/INTEGRATION.md'), 'utf8');
const OWN_KEYS = "## Keys of the site's own";

describe('docs/INTEGRATION.md', () => {
  test('has a script whose tokens are good, with the keys and the configuration that it shows', async () => {
    const folder = newFolder();
    symlinkSync(pathOf('node_modules'), `${folder}/node_modules`);
    const script = codeIn(page, 'js') ?? '';
    expect(script.split('\n').filter((line) => line !== '' && !line.startsWith('//')).length).toBeLessThanOrEqual(24);
    writeFileSync(`${folder}/sign.mjs`, script);
    const run = () => execFileSync(process.execPath, ['sign.mjs'], { cwd: folder, encoding: 'utf8' }).trim();
    const signed = [run(), run()];
    const { tokens } = RelayConfig.parse(
      parse((codeIn(page, 'yaml') ?? '').replace(/jwksFile: \S+/, `jwksFile: ${folder}/jwks.json`)),
    );
    const verifier = new TokenVerifier(
      { valid: () => [] },
      tokens.issuers.map((issuer) => tokenIssuer(issuer, pino({ level: 'silent' }))),
    );
    for (const token of signed)
      expect(await verifier.viewer(token)).toMatchObject({ viewer: 'https://shop.example|user-4711', programs: ['news'] });
    expect(readFileSync(`${folder}/jwks.json`, 'utf8')).not.toMatch('"d"');
  });

  test('lists every setting of an issuer, with its default', () => {
    const rows = tableAfter(section(page, OWN_KEYS), OWN_KEYS).map(([name = '', fallback = '']) => [
      name.replaceAll('`', ''),
      fallback.replaceAll('`', ''),
    ]);
    const schema = z.toJSONSchema(TokensSection, { io: 'input', unrepresentable: 'any' });
    const { items } = z.object({ items: z.object({ properties: z.looseObject({}) }) }).parse(schema.properties?.issuers);
    expect(rows.map(([name]) => name).sort()).toEqual(Object.keys(items.properties).sort());
    const { issuers } = TokensSection.parse({ issuers: [{ issuer: 'x', jwksFile: 'y' }] });
    const defaults = Object.fromEntries(rows.filter(([, fallback]) => fallback !== '–'));
    expect(defaults).toEqual({ algorithms: issuers[0]?.algorithms.join(', '), audience: issuers[0]?.audience });
  });

  test('has no link that leads nowhere', () => {
    const anchorsOf = (text: string) =>
      new Set(
        [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
          title
            .toLowerCase()
            .replaceAll(/[^\w\- ]/g, '')
            .replaceAll(' ', '-'),
        ),
      );
    const linked = ['INTEGRATION.md', 'DEPLOYMENT.md', 'PROTOCOL.md'].flatMap((name) => {
      const text = readFileSync(pathOf(`docs/${name}`), 'utf8');
      return [...text.matchAll(/\]\((?:(INTEGRATION|PROTOCOL|DEPLOYMENT)\.md)?#([^)]*)\)/g)].map(([, other, anchor = '']) => ({
        name,
        other: other === undefined ? name : `${other}.md`,
        anchor,
      }));
    });
    expect(linked.length).toBeGreaterThan(3);
    for (const { other, anchor } of linked)
      expect([...anchorsOf(readFileSync(pathOf(`docs/${other}`), 'utf8'))]).toContain(anchor);
  });
});
