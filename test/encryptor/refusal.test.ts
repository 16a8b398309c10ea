import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { newSecret } from '../../src/keys/secret-proof.ts';
import { cert, key } from '../ingest/certificate.ts';
import { AuthorityHost } from './authority-host.ts';
import { logged, Studio, until } from './studio.ts';

describe('an encryptor whose credential is refused', () => {
  let host: AuthorityHost;
  let streamKey: string;
  let at: Studio;

  beforeEach(async () => {
    let streamKeys: Map<string, string>;
    ({ host, streamKeys } = await AuthorityHost.start('news'));
    streamKey = streamKeys.get('news') ?? '';
    at = await Studio.open(host.url, 'studio', host.credential('studio', 'news'));
    expect(await at.keys.verify('news', streamKey)).toBeUndefined();
  });

  afterEach(async () => {
    await at.keys.close();
    await host.stop();
  });

  const live = async () => {
    const news = at.broadcast('news', 'b1');
    await until(() => news.newest > 0, 'it is live');
    return news;
  };

  test('says so to its broadcaster, and to everybody who would publish, known stream key or not', async () => {
    const news = await live();
    expect(at.keys.refusal).toBeUndefined();
    host.revoke('studio');
    await until(() => news.ended !== undefined, 'its broadcast is ended');
    expect(news.ended).toBe('revoked');
    expect(await at.keys.verify('news', streamKey)).toMatchObject({ code: expect.stringMatching(/^credential-/) });
    expect(await at.keys.verify('news', 'another')).toMatchObject({ code: expect.stringMatching(/^credential-/) });
    await until(() => at.keys.refusal?.code === 'credential-invalid', 'it tried again');
    expect(at.keys.refusal?.message).toMatch(/^the authority refuses this facility: /);
    expect(await at.keys.verify('news', streamKey)).toMatchObject({ code: 'credential-invalid' });
  });

  test('finds that out as it connects again', async () => {
    const news = await live();
    await host.cut();
    host.revoke('studio');
    expect(await at.keys.verify('news', streamKey)).toBeUndefined();
    await host.restore();
    await until(() => news.ended !== undefined, 'its broadcast is ended');
    expect(news.ended).toBe('revoked');
    expect(await at.keys.verify('news', streamKey)).toMatchObject({ code: 'credential-invalid' });
  });

  test('what the ledger calls its broadcast is in its log', async () => {
    await live();
    await host.restart();
    await until(() => host.of('broadcast-started').length === 2, 'it goes on with another authority');
    const [, again] = host.of('broadcast-started');
    const line = () => logged.find((each) => each.includes(`"broadcast":"b1","as":"${again?.broadcast}"`));
    await until(() => line() !== undefined, 'the log has both names');
    expect(line()).toContain('broadcast began at the authority');
  });

  test('the address may name the socket itself', async () => {
    const named = await Studio.open(`${host.url}/v1/encryptor`, 'other', host.credential('other', 'news'));
    await until(() => named.keys.isConnected, 'it is connected');
    await named.keys.close();
  });
});

describe('a connection that fails says which setting might be wrong:', () => {
  test.each([
    ['a CA that is not known', () => createHttpsServer({ cert, key }), 'wss', 'authority.caFile names a file'],
    ['TLS where there is none', () => createHttpServer(), 'wss', 'authority.url begins with ws://'],
    ['none where there is TLS', () => createHttpsServer({ cert, key }), 'ws', 'authority.url begins with wss://'],
  ])('%s', async (_what, serve, scheme, said) => {
    const server = serve().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const at = await Studio.open(url, 'studio', newSecret());
    try {
      await until(() => logged.some((line) => line.includes(url) && line.includes(said)), said);
    } finally {
      await at.keys.close();
      server.close();
    }
  });
});
