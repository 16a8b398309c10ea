import { describe, expect, test } from '@jest/globals';
import { fetchProgram, fetchPrograms } from '../../src/viewer/programs.ts';
import { FakeServer, TARIFF } from './fake-server.ts';

const answering = (body: string, init?: ResponseInit) => async () => new Response(body, init);

describe('what a server offers', () => {
  test('is its programs and their prices', async () => {
    const server = await FakeServer.start();
    expect(await fetchProgram(server.base, 'news')).toEqual({
      name: 'news',
      title: 'The evening news',
      live: true,
      tariff: TARIFF,
    });
    await expect(fetchProgram(server.base, 'sports')).rejects.toMatchObject({ code: 'program-unknown' });
    const { base } = server;
    await server.close();
    await expect(fetchPrograms(base)).rejects.toMatchObject({ code: 'unreachable' });
  });

  test.each([
    ['no JSON', answering('<html>'), 'protocol-violation'],
    ['JSON of another form', answering('{"programs":[{}]}'), 'protocol-violation'],
    ['an error', answering('', { status: 502 }), 'unreachable'],
    ['more than anyone offers', answering(' '.repeat(2_000_000)), 'unreachable'],
  ])('is refused if it is %s', async (_what, fetchFrom, code) => {
    await expect(fetchPrograms('http://video.example', fetchFrom)).rejects.toMatchObject({ code });
  });
});
