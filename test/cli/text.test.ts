import { expect, test } from '@jest/globals';
import { ownCommand, shellWord } from '../../src/cli/own-command.ts';
import { onThisHost, parseWatchAddress, watchLink } from '../../src/cli/stream-address.ts';
import { tableLines } from '../../src/cli/table.ts';
import { oneLine, printable } from '../../src/cli/text.ts';

test('what comes from elsewhere cannot move the cursor or begin a line', () => {
  expect(printable('eve\u001b[2J\r\n')).toBe('eve\u{fffd}[2J\u{fffd}\u{fffd}');
  expect(oneLine('two\n  lines \u001b[31m.')).toBe('two lines \u{fffd}[31m');
  expect([...tableLines([{ title: 'viewer' }], [['a\nb']])].join('')).toBe('viewer\na\u{fffd}b\n');
});

test('columns are as wide as what is in them, on paper and on screen', () => {
  const columns = [{ title: 'name' }, { title: 'n', align: 'right' as const }];
  expect(
    [
      ...tableLines(columns, [
        ['映画', '1'],
        ['long name', '1234'],
      ]),
    ].join(''),
  ).toBe('name          n\n映画          1\nlong name  1234\n');
});

test('a watch link names the server, the program and the token; an address only the server', () => {
  const link = watchLink('https://video.example/tv', 'news', 'a.b.c');
  expect(link).toBe('https://video.example/tv/watch/news#token=a.b.c');
  expect(parseWatchAddress(link)).toEqual({ base: 'https://video.example/tv', program: 'news', token: 'a.b.c' });
  expect(parseWatchAddress('https://video.example/tv')).toEqual({ base: 'https://video.example/tv' });
});

test('a link for this host has an address that one can connect to', () => {
  expect(onThisHost('http://0.0.0.0:8080')).toBe('http://127.0.0.1:8080');
  expect(onThisHost('rtmp://[::]:1935/live')).toBe('rtmp://[::1]:1935/live');
  expect(onThisHost('http://10.0.0.0:8080')).toBe('http://10.0.0.0:8080');
});

test('a printed command is one that can be typed', () => {
  expect(ownCommand(['node', '/usr/bin/tollcast'], {})).toBe('tollcast');
  expect(ownCommand(['node', '/usr/bin/tollcast.js'], { npm_lifecycle_event: 'start' })).toBe('npx tollcast');
  expect(shellWord('./data/demo')).toBe('./data/demo');
  expect(shellWord("it's here")).toBe(`'it'\\''s here'`);
});
