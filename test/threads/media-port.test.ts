import { expect, test } from '@jest/globals';
import { http } from '../../src/config/sections.ts';
import { MediaPort } from '../../src/threads/media-port.ts';

test('a port that is chosen stays, though the URL of a thread does not tell that of its scheme', () => {
  const port = new MediaPort({ host: '127.0.0.1', http: http.parse({ port: 443 }) });
  port.found('https://127.0.0.1');
  expect(port.number).toBe(443);
});

test('where it is to be any free one, it is that of the first thread', () => {
  const port = new MediaPort({ host: '127.0.0.1', http: http.parse({ port: 0 }) });
  port.found('http://127.0.0.1:41000');
  port.found('http://127.0.0.1:41000');
  expect(port.number).toBe(41_000);
});
